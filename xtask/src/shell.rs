//! Other programs: finding, running and waiting for them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// Runs `command` with its output on this terminal; an error names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status}).", line(command));
    }
    Ok(())
}

/// Like [`run`], but stops the command after `limit`.
pub fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let mut child = command
        .spawn()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("`{}` failed ({status}).", line(command));
            }
            return Ok(());
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!(
                "`{}` was stopped after {} s.",
                line(command),
                limit.as_secs()
            );
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// The trimmed standard output of `command`, or nothing where it fails.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The trimmed standard output of `command`; where it fails, an error with what it said last.
pub fn printed(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("`{}` could not be started", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.trim_end().lines().last().unwrap_or_default();
        bail!("`{}` failed ({}): {last}", line(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Cargo, which sees the environment as if called by hand: the variables that `cargo run` adds would make it rebuild
/// some build scripts.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// Runs `cargo`, which builds the program or library `name` of the crate graysam, with these further arguments for rustc.
/// Gives the file, which stands wherever the user has Cargo build.
pub fn built(name: &str, cargo: &mut Command, rustc: &[&str]) -> Result<PathBuf> {
    cargo.args([
        "--package",
        "graysam",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if !rustc.is_empty() {
        cargo.arg("--").args(rustc);
    }
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("`{}` could not be started", line(cargo)))?;
    if !output.status.success() {
        bail!("`{}` failed ({}).", line(cargo), output.status);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    artifact(&messages, name).with_context(|| format!("`{}` told of no file", line(cargo)))
}

/// The file of the program or library `name`, without a prefix, in what Cargo says of a build.
fn artifact(messages: &str, name: &str) -> Option<PathBuf> {
    let files = messages.lines().flat_map(|message| {
        let message: Value = serde_json::from_str(message).unwrap_or_default();
        let files = match message["reason"].as_str() {
            Some("compiler-artifact") => message["filenames"].as_array().cloned(),
            _ => None,
        };
        files.unwrap_or_default()
    });
    let mut paths = files.filter_map(|file| file.as_str().map(PathBuf::from));
    let is_wanted = |path: &PathBuf| {
        let extension = path.extension().unwrap_or_default();
        let known = ["wasm", env::consts::EXE_EXTENSION];
        path.file_stem() == Some(name.as_ref()) && known.iter().any(|e| *e == extension)
    };
    paths.rfind(is_wanted)
}

/// `npm` or `npx`, which are scripts on Windows.
pub fn node_script(name: &str) -> Command {
    Command::new(if cfg!(windows) {
        format!("{name}.cmd")
    } else {
        name.to_owned()
    })
}

/// Does `work` on each of `items`, in order, in so many threads; the first error ends it.
pub fn in_threads<T: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let queue = Mutex::new(items.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let failed = AtomicBool::new(false);
    let run = || {
        while !failed.load(Ordering::Relaxed)
            && let Some(item) = next()
        {
            work(item).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let join = |thread: thread::ScopedJoinHandle<Result<()>>| {
            thread.join().map_err(|_| anyhow!("a thread panicked"))?
        };
        threads.into_iter().try_for_each(join)
    })
}

/// The full path of `program` where it is on PATH.
pub fn on_path(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// The command as it would be typed, without the folders of the program.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_command() {
        let error = run(Command::new("cargo")
            .arg("--no-such-option")
            .stderr(Stdio::null()))
        .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`cargo --no-such-option` failed")
        );
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`no-such-program` could not be started")
        );
    }

    #[test]
    fn printed_text_is_given_or_the_reason_why_not() {
        let version = printed(Command::new("cargo").arg("--version")).unwrap();
        assert!(version.starts_with("cargo ") && !version.ends_with('\n'));
        let error = printed(Command::new("cargo").arg("no-such-command")).unwrap_err();
        assert!(error.to_string().contains("`cargo no-such-command` failed"));
        assert!(!error.to_string().ends_with(": "));
    }

    #[test]
    fn items_are_worked_on_until_one_fails() {
        let sum = Mutex::new(0);
        let add = |n: u32| {
            *sum.lock().unwrap() += n;
            if n == 99 { bail!("99") } else { Ok(()) }
        };
        in_threads((1..=10).collect(), 3, add).unwrap();
        assert_eq!(*sum.lock().unwrap(), 55);
        assert!(in_threads(vec![99, 1], 1, add).is_err());
        assert_eq!(*sum.lock().unwrap(), 154);
    }

    #[test]
    fn built_file_is_found_wherever_it_is() {
        let messages = |files: &str| {
            format!(
                "{{\"reason\": \"compiler-artifact\", \"filenames\": [\"/t/libgraysam.rlib\"]}}\n\
                 {{\"reason\": \"compiler-artifact\", \"filenames\": [{files}]}}\n\
                 {{\"reason\": \"build-finished\", \"success\": true}}\n"
            )
        };
        let wasm = artifact(&messages(r#""/t/other/graysam.wasm""#), "graysam");
        assert_eq!(wasm, Some("/t/other/graysam.wasm".into()));
        let program = format!("/t/graysam{}", env::consts::EXE_SUFFIX);
        let found = artifact(&messages(&format!("\"{program}\"")), "graysam");
        assert_eq!(found, Some(program.into()));
        assert_eq!(artifact(&messages(""), "graysam"), None);
    }

    #[cfg(unix)]
    #[test]
    fn long_command_is_stopped() {
        let start = Instant::now();
        let error = run_within(Duration::from_millis(50), Command::new("sleep").arg("60"));
        assert!(error.unwrap_err().to_string().contains("stopped"));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
