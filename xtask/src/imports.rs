//! Who may import whom: the page's rooms and the crate's modules each have one direction, and files stay short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::files::list;
use crate::page;

/// The rooms of `www/`, each with those that it may import from besides itself. `main.ts` puts all together and may
/// import from each.
const ROOMS: [(&str, &[&str]); 8] = [
    ("document", &[]),
    ("engine", &["document", "storage"]),
    ("storage", &["document"]),
    ("canvas", &["document", "commands"]),
    ("session", &["document", "engine", "storage"]),
    ("commands", &["document", "session"]),
    ("panels", &["document", "session", "commands", "canvas"]),
    ("offline", &[]),
];
const MAIN: &str = "main.ts";
/// Everyone may import these: packages, the engine's types, and where the site's files are.
const FOR_ALL: [&str; 3] = ["vendor/", "engine/graysam", "site.ts"];

const PAGE_LINES: usize = 400;
const MAIN_LINES: usize = 100;
const CRATE_LINES: usize = 500;

/// Texts of files by their paths below a folder, with `/` between names.
type Files = BTreeMap<String, String>;

/// Fails with a sentence for each file of `www/` and `src/` that goes against the rules.
pub fn check() -> Result<()> {
    let mut wrong = page_faults(&read(page::SOURCES)?);
    wrong.extend(crate_faults(&read("src")?));
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.join("\n"))
}

fn read(folder: &str) -> Result<Files> {
    let mut files = BTreeMap::new();
    list(Path::new(folder), Path::new(""), &mut files)?;
    let is_source = |name: &Path| name.extension().is_some_and(|e| e == "ts" || e == "rs");
    let sources = files.into_iter().filter(|(name, _)| is_source(name));
    sources
        .map(|(name, path)| {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            Ok((name.to_string_lossy().replace('\\', "/"), text))
        })
        .collect()
}

fn page_faults(files: &Files) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut imports = BTreeMap::new();
    for (name, text) in files {
        if page::is_declaration(Path::new(name)) {
            continue;
        }
        let limit = if name == MAIN { MAIN_LINES } else { PAGE_LINES };
        wrong.extend(too_long(page::SOURCES, name, text, limit));
        let imported = imported_files(name, text);
        let refused = imported.iter().filter(|other| !may_import(name, other));
        wrong.extend(refused.map(|other| {
            format!("www/{name} imports {other}, against the direction of the page's rooms.")
        }));
        imports.insert(name.clone(), imported);
    }
    if let Some(cycle) = cycle(&imports) {
        wrong.push(format!("There is an import cycle in www/: {cycle}."));
    }
    wrong
}

fn may_import(name: &str, other: &str) -> bool {
    if name == MAIN || FOR_ALL.iter().any(|start| other.starts_with(start)) {
        return true;
    }
    let room = |name: &str| name.split_once('/').map(|(room, _)| room.to_owned());
    let (Some(room), Some(other)) = (room(name), room(other)) else {
        return false;
    };
    let known = ROOMS.iter().find(|(known, _)| *known == room);
    known.is_some_and(|(_, allowed)| room == other || allowed.contains(&other.as_str()))
}

/// The sources that a module of the page imports, types too, as paths below `www/`.
fn imported_files(name: &str, text: &str) -> BTreeSet<String> {
    let is_comment = |line: &&str| !line.starts_with("//") && !line.starts_with('*');
    let lines = text.lines().map(str::trim_start).filter(is_comment);
    lines
        .flat_map(|line| ["from \"", "import \"", "import(\""].map(|start| (line, start)))
        .flat_map(|(line, start)| line.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| path.starts_with('.'))
        .map(|path| resolve(name, path).replace(".js", ".ts"))
        .collect()
}

/// The path that `path` means in the file `name`.
fn resolve(name: &str, path: &str) -> String {
    let mut resolved = PathBuf::from(name);
    resolved.pop();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Normal(part) => resolved.push(part),
            _ => {}
        }
    }
    resolved.to_string_lossy().replace('\\', "/")
}

fn crate_faults(files: &Files) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in files {
        wrong.extend(too_long("src", name, text, CRATE_LINES));
        let module = name.split('/').next().unwrap_or(name);
        let module = module.trim_end_matches(".rs");
        // The crate's root names all modules, and so may its program.
        if !matches!(module, "lib" | "main") && !name.ends_with("/tests.rs") {
            let used = imports.entry(module.to_owned()).or_default();
            used.extend(used_modules(text).into_iter().filter(|used| used != module));
        }
    }
    if let Some(cycle) = cycle(&imports) {
        wrong.push(format!("There is a cycle of modules in src/: {cycle}."));
    }
    wrong
}

/// The modules of the crate that a file names outside its tests.
fn used_modules(text: &str) -> BTreeSet<String> {
    let text = without_tests(text);
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<&str> = text.lines().filter(is_code).collect();
    let code = code.join("\n");
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => used.extend(heads(group)),
            None => used.extend(word(rest)),
        }
    }
    used
}

/// The text without the items that are for tests only. A formatted item ends with a brace that stands as far in as it
/// does itself.
fn without_tests(text: &str) -> String {
    let mut parts = text.split("#[cfg(test)]");
    let mut code = parts.next().unwrap_or(text).to_owned();
    for part in parts {
        let line = code.rsplit('\n').next().unwrap_or_default();
        let brace = format!("\n{line}}}");
        let is_short = part.trim_start().starts_with("use ")
            || part.find(';').unwrap_or(usize::MAX) < part.find('{').unwrap_or(usize::MAX);
        let end = if is_short { ";" } else { &brace };
        let rest = part.split_once(end).map_or("", |(_, rest)| rest);
        code.push_str(rest);
    }
    code
}

/// The first names of the paths in a group of imports, up to the brace that ends it.
fn heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                heads.extend(word(&group[start..at]));
                start = at + 1;
            }
            '}' if depth == 0 => {
                heads.extend(word(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    heads
}

/// The lower-case name at the beginning, as modules have one; types and macros have others.
fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let word = &text[..end.unwrap_or(text.len())];
    word.starts_with(|c: char| c.is_lowercase())
        .then(|| word.to_owned())
}

fn too_long(folder: &str, name: &str, text: &str, limit: usize) -> Option<String> {
    let lines = text.lines().count();
    (lines > limit).then(|| format!("{folder}/{name} has {lines} lines, over {limit}."))
}

/// One cycle among `imports`, as the names on it.
fn cycle(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let mut done = BTreeSet::new();
    imports
        .keys()
        .find_map(|name| visit(name, imports, &mut Vec::new(), &mut done))
}

/// Follows the imports of `name`, which those on `path` led to.
fn visit<'a>(
    name: &'a str,
    imports: &'a BTreeMap<String, BTreeSet<String>>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Option<String> {
    if let Some(start) = path.iter().position(|other| *other == name) {
        return Some(format!("{} → {name}", path[start..].join(" → ")));
    }
    if !done.contains(name) {
        path.push(name);
        let found = imports
            .get(name)
            .and_then(|others| others.iter().find_map(|o| visit(o, imports, path, done)));
        if found.is_some() {
            return found;
        }
        path.pop();
        done.insert(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<const N: usize>(files: [(&str, &str); N]) -> Files {
        files.map(|(name, text)| (name.into(), text.into())).into()
    }

    #[test]
    fn imports_in_the_direction_pass() {
        let page = files([
            ("main.ts", "import { Panel } from \"./panels/panel.js\";"),
            (
                "panels/panel.ts",
                "import type { Display } from \"../engine/graysam.js\";\n\
                 import {\n  accept,\n} from \"../commands/prompts.js\";\n\
                 import { byId } from \"./dom.js\";",
            ),
            ("panels/dom.ts", "export const byId = 1;"),
            (
                "commands/prompts.ts",
                "export * from \"../document/draft.js\";",
            ),
            (
                "document/draft.ts",
                "import { signal } from \"../vendor/signals-core.js\";\n\
                 // not from \"../panels/panel.js\"",
            ),
        ]);
        assert_eq!(page_faults(&page), Vec::<String>::new());
    }

    #[test]
    fn imports_against_the_direction_are_told() {
        for (name, line) in [
            (
                "document/draft.ts",
                "import { a } from \"../panels/panel.js\";",
            ),
            (
                "document/draft.ts",
                "import type { A } from \"../panels/panel.js\";",
            ),
            (
                "storage/opfs.ts",
                "const a = await import(\"../session/session.js\");",
            ),
            (
                "storage/opfs.ts",
                "let a: import(\"../session/session.js\").Session;",
            ),
            ("offline/offline.ts", "import \"../document/draft.js\";"),
            ("canvas/marks.ts", "export { a } from \"../panels/dom.js\";"),
            ("engine/worker.ts", "import { start } from \"../main.js\";"),
            ("helpers.ts", "import { a } from \"./document/draft.js\";"),
            (
                "attic/old.ts",
                "import { a } from \"../document/draft.js\";",
            ),
        ] {
            let wrong = page_faults(&files([(name, line)]));
            assert_eq!(wrong.len(), 1, "{name}: {line}");
            assert!(wrong[0].starts_with(&format!("www/{name} imports ")));
        }
    }

    #[test]
    fn import_cycle_is_told() {
        let mut page = files([
            ("document/a.ts", "import { b } from \"./b.js\";"),
            ("document/b.ts", "import type { C } from \"./deep/c.js\";"),
            ("document/deep/c.ts", "import { a } from \"../a.js\";"),
            ("document/d.ts", "import { a } from \"./a.js\";"),
        ]);
        let cycle = "document/a.ts → document/b.ts → document/deep/c.ts → document/a.ts";
        let wrong = [format!("There is an import cycle in www/: {cycle}.")];
        assert_eq!(page_faults(&page), wrong);
        page.insert("document/deep/c.ts".into(), String::new());
        assert_eq!(page_faults(&page), Vec::<String>::new());
    }

    #[test]
    fn long_files_are_told() {
        let lines = |count| "a;\n".repeat(count);
        let page = files([
            ("main.ts", &lines(101)),
            ("panels/long.ts", &lines(401)),
            ("panels/short.ts", &lines(400)),
            ("engine/graysam.d.ts", &lines(1000)),
        ]);
        let wrong = [
            "www/main.ts has 101 lines, over 100.",
            "www/panels/long.ts has 401 lines, over 400.",
        ];
        assert_eq!(page_faults(&page), wrong);
        let source = files([("model/mod.rs", &lines(501)), ("lib.rs", &lines(500))]);
        assert_eq!(
            crate_faults(&source),
            ["src/model/mod.rs has 501 lines, over 500."]
        );
    }

    #[test]
    fn cycle_of_modules_is_told() {
        let source = files([
            ("lib.rs", "pub mod image;\nuse crate::annotation::Label;"),
            (
                "image/mask.rs",
                "use crate::{annotation::{coco, rle}, weights};",
            ),
            ("annotation/mod.rs", "fn a(mask: &crate::image::Mask) {}"),
            ("weights.rs", "//! Not crate::image.\nuse crate::Error;"),
        ]);
        let cycle = "There is a cycle of modules in src/: annotation → image → annotation.";
        assert_eq!(crate_faults(&source), [cycle]);
    }

    #[test]
    fn tests_may_use_any_module() {
        let source = files([
            (
                "image/mod.rs",
                "#[cfg(test)]\nuse crate::{annotation::coco, weights};\n#[cfg(test)]\nmod tests;\n\
                 use crate::weights::read;\n\
                 impl A {\n    #[cfg(test)]\n    fn a() {\n        crate::annotation::b()\n    }\n}\n\
                 #[cfg(test)]\nmod more {\n    use crate::annotation::coco;\n}\n",
            ),
            ("image/tests.rs", "use crate::annotation::coco;"),
            ("annotation/mod.rs", "use crate::image::Mask;"),
        ]);
        assert_eq!(crate_faults(&source), Vec::<String>::new());
        let used = used_modules(&source["image/mod.rs"]);
        assert_eq!(used, BTreeSet::from(["weights".to_owned()]));
    }
}
