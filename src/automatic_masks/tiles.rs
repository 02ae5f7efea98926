//! Overlapping tiles of a large image.

use crate::image::part::Part;
use crate::image::shapes::Shape;

/// A mask that comes as near to a tile's edge is taken to be cut by it, in pixels.
const EDGE: usize = 2;

/// Tiles of `side` pixels, or smaller where the image is, that overlap by `overlap` of that or
/// more and lie evenly over an image of this width and height.
pub fn layout((width, height): (usize, usize), side: usize, overlap: f32) -> Vec<Part> {
    let (across, down) = (starts(width, side, overlap), starts(height, side, overlap));
    let tile = |(x, y)| Part {
        x,
        y,
        width: side.min(width),
        height: side.min(height),
    };
    let places = down
        .iter()
        .flat_map(|&y| across.iter().map(move |&x| (x, y)));
    places.map(tile).collect()
}

/// Where tiles of `side` begin on a line of `length`.
fn starts(length: usize, side: usize, overlap: f32) -> Vec<usize> {
    let room = length.saturating_sub(side);
    let step = (side as f32 * (1.0 - overlap)).max(1.0);
    let count = (room as f32 / step).ceil() as usize;
    (0..=count).map(|i| room * i / count.max(1)).collect()
}

/// Whether a shape in `tile` ends at an edge of it that is none of an image of `size`.
pub fn cuts(tile: &Part, shape: &Shape, size: (usize, usize)) -> bool {
    let (right, bottom) = (tile.x + tile.width, tile.y + tile.height);
    (tile.x > 0 && shape.x < tile.x + EDGE)
        || (tile.y > 0 && shape.y < tile.y + EDGE)
        || (right < size.0 && shape.x + shape.width + EDGE > right)
        || (bottom < size.1 && shape.y + shape.height + EDGE > bottom)
}

/// The left, top, right and bottom of what two tiles share; the right is not over the left, or
/// the bottom not over the top, where they share nothing.
pub fn common(a: &Part, b: &Part) -> [usize; 4] {
    [
        a.x.max(b.x),
        a.y.max(b.y),
        (a.x + a.width).min(b.x + b.width),
        (a.y + a.height).min(b.y + b.height),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_image_and_overlap() {
        let tiles = layout((1000, 300), 400, 0.25);
        let starts: Vec<_> = tiles.iter().map(|tile| (tile.x, tile.y)).collect();
        assert_eq!(starts, [(0, 0), (300, 0), (600, 0)]);
        assert!(
            tiles
                .iter()
                .all(|tile| (tile.width, tile.height) == (400, 300))
        );
        let square = layout((1001, 1001), 400, 0.5);
        assert!(
            square
                .iter()
                .any(|tile| tile.x + tile.width == 1001 && tile.y + tile.height == 1001)
        );
    }

    #[test]
    fn a_tile_as_long_as_the_image_is_the_image() {
        let whole = Part {
            x: 0,
            y: 0,
            width: 1000,
            height: 300,
        };
        assert_eq!(layout((1000, 300), 1000, 0.25), [whole]);
        assert_eq!(layout((1000, 300), 32_768, 0.5), [whole]);
        assert_eq!(layout((1000, 300), 999, 0.25).len(), 2);
    }
}
