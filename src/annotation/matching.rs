//! Which of a file's images is the one that is open.

use super::source::{ImageSource, folder_names, split_name};
use crate::error::{Error, Result};

/// An image as a file of annotations names it.
#[derive(Debug, Clone, Default)]
pub struct NamedImage {
    /// Its path, or its name alone.
    pub path: String,
    /// The file of which it is a page, where the path does not say so.
    pub name: Option<String>,
    /// From 1, where that is known.
    pub page: Option<usize>,
}

impl NamedImage {
    fn parts(&self) -> (Vec<&str>, &str) {
        let mut folders = folder_names(&self.path);
        let last = folders.pop().unwrap_or_default();
        (folders, self.name.as_deref().unwrap_or(last))
    }
}

/// The place of the one that is meant: the only one, whatever it is called, or the one with the
/// name, of several of one name that in the same folder.
///
/// # Errors
/// When there is none, it is of another page, or it is not known which of several it is.
pub fn find(images: &[NamedImage], source: &ImageSource) -> Result<usize> {
    let page = source.page + 1;
    if let [only] = images {
        check_page(only, source)?;
        return Ok(0);
    }
    let stem = source.stem();
    let fits = |image: &&NamedImage| {
        let name = image.parts().1;
        let named = name == source.name && image.page.is_none_or(|its| its == page);
        // As the page itself is called.
        named || image.page.is_none() && source.pages > 1 && split_name(name).0 == stem
    };
    let mut found: Vec<&NamedImage> = images.iter().filter(fits).collect();
    if found.is_empty() {
        // Label Studio puts a code before the name.
        let ending = format!("-{}", source.name);
        found = images
            .iter()
            .filter(|image| image.parts().1.ends_with(&ending))
            .collect();
    }
    if found.iter().any(|image| image.page.is_some()) {
        found.retain(|image| image.page.is_some());
    }
    let common = |image: &NamedImage| {
        let (theirs, own) = (image.parts().0, folder_names(&source.folder));
        let same = theirs.iter().rev().zip(own.iter().rev());
        same.take_while(|(a, b)| a == b).count()
    };
    let most = found.iter().map(|image| common(image)).max();
    found.retain(|image| Some(common(image)) == most);
    match found.as_slice() {
        [one] => Ok(images
            .iter()
            .position(|image| std::ptr::eq(image, *one))
            .unwrap_or(0)),
        [] => Err(Error::new(format!(
            "The file has {} images and none is called {}; open the image that it is of.",
            images.len(),
            source.title()
        ))),
        [a, b, rest @ ..] => Err(Error::new(format!(
            "The file has {} images called {}, “{}” and “{}”{}, and it is not known which is meant; \
             open the folder in which it lies, or leave only one in the file.",
            found.len(),
            source.name,
            a.path,
            b.path,
            if rest.is_empty() { "" } else { " among them" }
        ))),
    }
}

/// Refuses an image that is another page of the very same file.
pub fn check_page(image: &NamedImage, source: &ImageSource) -> Result<()> {
    let Some(page) = image.page.filter(|page| *page != source.page + 1) else {
        return Ok(());
    };
    if image.parts().1 != source.name || source.pages < 2 {
        return Ok(());
    }
    Err(Error::new(format!(
        "The file is of page {page} of {} but this is page {}; go to that page, or choose the file of \
         this one.",
        source.name,
        source.page + 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(paths: &[&str]) -> Vec<NamedImage> {
        let image = |path: &&str| NamedImage {
            path: (*path).to_owned(),
            ..NamedImage::default()
        };
        paths.iter().map(image).collect()
    }

    fn open(folder: &str, page: usize, pages: usize) -> ImageSource {
        ImageSource {
            folder: folder.to_owned(),
            page,
            pages,
            ..ImageSource::only("a.tif")
        }
    }

    #[test]
    fn the_folder_decides_between_images_of_one_name() {
        let both = images(&["set/day1/a.tif", "set\\day2\\a.tif", "set/day1/b.tif"]);
        assert_eq!(find(&both, &open("x/day1", 0, 1)), Ok(0));
        assert_eq!(find(&both, &open("day2", 0, 1)), Ok(1));
        for folder in ["", "day3", "day1/x"] {
            let told = find(&both, &open(folder, 0, 1)).unwrap_err().to_string();
            assert!(
                told.contains("“set/day1/a.tif” and “set\\day2\\a.tif”"),
                "{told}"
            );
        }
        let told = find(&images(&["b.tif", "c.tif"]), &open("", 0, 1)).unwrap_err();
        assert!(
            told.to_string()
                .contains("2 images and none is called a.tif")
        );
        assert_eq!(
            find(&images(&["x/3f2a-a.tif", "b.tif"]), &open("", 0, 1)),
            Ok(0)
        );
        assert_eq!(find(&images(&["other"]), &open("", 0, 1)), Ok(0));
    }

    #[test]
    fn a_page_is_found_by_its_number_or_its_name() {
        let mut pages = images(&["a-p0001.tif", "a-p0002.tif", "b.tif"]);
        assert_eq!(find(&pages, &open("", 1, 2)), Ok(1));
        for (image, page) in pages.iter_mut().zip(1..) {
            image.name = Some("a.tif".to_owned());
            image.page = Some(page);
        }
        assert_eq!(find(&pages, &open("", 0, 3)), Ok(0));
        assert_eq!(find(&pages, &open("", 2, 3)), Ok(2));
        assert!(find(&pages, &open("", 3, 4)).is_err());
        let told = find(&pages[1..2], &open("", 0, 3)).unwrap_err().to_string();
        assert!(
            told.contains("of page 2 of a.tif but this is page 1"),
            "{told}"
        );
        assert_eq!(find(&pages[1..2], &open("", 1, 3)), Ok(0));
    }
}
