//! Which image objects are of.

use crate::image::decode::Page;
use crate::image::pixel_size::PixelSize;

/// A page of an image file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSource {
    /// The file's name.
    pub name: String,
    /// The folder that it is in, with `/` between names; empty where it is not known.
    pub folder: String,
    /// From 0.
    pub page: usize,
    pub pages: usize,
    pub pixel_size: Option<PixelSize>,
}

impl ImageSource {
    /// The only page of a file of which nothing else is known.
    pub fn only(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: String::new(),
            page: 0,
            pages: 1,
            pixel_size: None,
        }
    }

    /// A page that was read from the file `name` in `folder`.
    pub fn of(name: &str, folder: &str, page: &Page) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder_names(folder).join("/"),
            page: page.page,
            pages: page.pages,
            pixel_size: page.pixel_size,
        }
    }

    /// What files about it are called: the name without its ending, of a stack with the page, such
    /// as `stack-p0003`.
    pub fn stem(&self) -> String {
        let (stem, _) = split_name(&self.name);
        match self.pages {
            0 | 1 => stem.to_owned(),
            _ => format!("{stem}-p{:04}", self.page + 1),
        }
    }

    /// The ending of its name, with the dot.
    pub fn ending(&self) -> &str {
        split_name(&self.name).1
    }

    /// The sentence's way to name it.
    pub fn title(&self) -> String {
        match self.pages {
            0 | 1 => self.name.clone(),
            _ => format!("page {} of {}", self.page + 1, self.name),
        }
    }
}

/// A file's name without its ending, and the ending with its dot.
pub fn split_name(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    }
}

/// The names of a folder's path that lead downwards.
pub fn folder_names(path: &str) -> Vec<&str> {
    let names = path.split(['/', '\\']);
    names
        .filter(|name| !matches!(*name, "" | "." | ".."))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_about_a_page_are_told_apart_by_their_names() {
        let page = |page, pages| ImageSource {
            page,
            pages,
            ..ImageSource::only("a.b.tif")
        };
        assert_eq!(page(0, 1).stem(), "a.b");
        assert_eq!(page(2, 5).stem(), "a.b-p0003");
        assert_eq!(page(2, 5).ending(), ".tif");
        assert_eq!(page(12_344, 20_000).stem(), "a.b-p12345");
        assert_eq!(ImageSource::only(".hidden").stem(), ".hidden");
    }

    #[test]
    fn no_folder_leads_upwards() {
        assert_eq!(folder_names("../a/./b\\c//"), ["a", "b", "c"]);
        assert!(folder_names("/").is_empty());
    }
}
