//! Overlapping tiles of a large image, and objects that reach over their seams.

use super::proposals::Proposal;
use crate::image::decode::Rgb;
use crate::image::shapes::Shape;

/// A mask that comes as near to a tile's edge is taken to be cut by it, in pixels.
const EDGE: usize = 2;

/// Two cut masks are of one object if they agree by this IoU where their tiles overlap.
const AGREEMENT: f64 = 0.5;

/// A rectangle of the image, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// Tiles of `side` pixels, or smaller where the image is, that overlap by `overlap` of that or
/// more and lie evenly over an image of this width and height; a single one where `side` is 0.
pub fn layout((width, height): (usize, usize), side: usize, overlap: f32) -> Vec<Tile> {
    let (across, down) = match side {
        0 => (vec![0], vec![0]),
        _ => (starts(width, side, overlap), starts(height, side, overlap)),
    };
    let length = |whole: usize| if side == 0 { whole } else { side.min(whole) };
    let tile = |y: usize| {
        move |x: usize| Tile {
            x,
            y,
            width: length(width),
            height: length(height),
        }
    };
    down.into_iter()
        .flat_map(|y| across.clone().into_iter().map(tile(y)))
        .collect()
}

/// Where tiles of `side` begin on a line of `length`.
fn starts(length: usize, side: usize, overlap: f32) -> Vec<usize> {
    let room = length.saturating_sub(side);
    let step = (side as f32 * (1.0 - overlap)).max(1.0);
    let count = (room as f32 / step).ceil() as usize;
    (0..=count).map(|i| room * i / count.max(1)).collect()
}

impl Tile {
    /// The image's pixels in it.
    pub fn of(&self, image: &Rgb) -> Rgb {
        let row = |y: usize| {
            let start = (y * image.width + self.x) * 3;
            &image.pixels[start..start + self.width * 3]
        };
        Rgb {
            width: self.width,
            height: self.height,
            pixels: (self.y..self.y + self.height)
                .flat_map(row)
                .copied()
                .collect(),
        }
    }

    /// A shape in pixels of the tile, in pixels of the image.
    pub fn placed(&self, shape: Shape) -> Shape {
        Shape {
            x: shape.x + self.x,
            y: shape.y + self.y,
            ..shape
        }
    }

    /// Whether a shape in it ends at an edge that is none of an image of `size`.
    pub fn cuts(&self, shape: &Shape, size: (usize, usize)) -> bool {
        let (right, bottom) = (self.x + self.width, self.y + self.height);
        (self.x > 0 && shape.x < self.x + EDGE)
            || (self.y > 0 && shape.y < self.y + EDGE)
            || (right < size.0 && shape.x + shape.width + EDGE > right)
            || (bottom < size.1 && shape.y + shape.height + EDGE > bottom)
    }

    /// The left, top, right and bottom of what two tiles share.
    fn common(&self, other: &Self) -> [usize; 4] {
        [
            self.x.max(other.x),
            self.y.max(other.y),
            (self.x + self.width).min(other.x + other.width),
            (self.y + self.height).min(other.y + other.height),
        ]
    }
}

/// Masks without those that tiles cut: such an object is whole in a neighbour's overlap, or the
/// masks that agree there are joined to one.
pub fn join(proposals: Vec<Proposal>, tiles: &[Tile]) -> Vec<Proposal> {
    let (cut, mut whole): (Vec<_>, Vec<_>) = proposals.into_iter().partition(|c| c.cut);
    let mut groups: Vec<usize> = (0..cut.len()).collect();
    for b in 0..cut.len() {
        for a in 0..b {
            if agree(&cut[a], &cut[b], tiles) {
                let (from, to) = (groups[b], groups[a]);
                for group in groups.iter_mut().filter(|group| **group == from) {
                    *group = to;
                }
            }
        }
    }
    for group in 0..cut.len() {
        let members: Vec<&Proposal> = (0..cut.len())
            .filter(|&i| groups[i] == group)
            .map(|i| &cut[i])
            .collect();
        if members.len() > 1 {
            whole.push(joined(&members));
        }
    }
    whole
}

fn agree(a: &Proposal, b: &Proposal, tiles: &[Tile]) -> bool {
    if a.tile == b.tile {
        return false;
    }
    let [left, top, right, bottom] = tiles[a.tile].common(&tiles[b.tile]);
    let left = left.max(a.shape.x.min(b.shape.x));
    let top = top.max(a.shape.y.min(b.shape.y));
    let (mut both, mut either) = (0usize, 0usize);
    for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
        let (a, b) = (a.shape.contains(x, y), b.shape.contains(x, y));
        both += usize::from(a && b);
        either += usize::from(a || b);
    }
    both as f64 > AGREEMENT * either as f64
}

/// What covers the pixels of all, with the mean of their scores.
fn joined(members: &[&Proposal]) -> Proposal {
    let shapes = || members.iter().map(|member| &member.shape);
    let least = |side: fn(&Shape) -> usize| shapes().map(side).min().unwrap_or(0);
    let most = |side: fn(&Shape) -> usize| shapes().map(side).max().unwrap_or(0);
    let (x, y) = (least(|s| s.x), least(|s| s.y));
    let (width, height) = (most(|s| s.x + s.width) - x, most(|s| s.y + s.height) - y);
    let inside = |i: usize| shapes().any(|s| s.contains(x + i % width, y + i / width));
    let bits: Vec<bool> = (0..width * height).map(inside).collect();
    let mean = |score: fn(&Proposal) -> f32| {
        members.iter().map(|member| score(member)).sum::<f32>() / members.len() as f32
    };
    Proposal {
        shape: Shape {
            x,
            y,
            width,
            height,
            area: bits.iter().filter(|inside| **inside).count(),
            bits,
        },
        iou: mean(|c| c.iou),
        stability: mean(|c| c.stability),
        tile: members[0].tile,
        cut: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a tile sees of a disc.
    fn seen(
        tiles: &[Tile],
        place: usize,
        (cx, cy, radius): (f64, f64, f64),
        size: (usize, usize),
    ) -> Option<Proposal> {
        let Tile {
            x,
            y,
            width,
            height,
        } = tiles[place];
        let inside = |i: usize| {
            let (dx, dy) = ((x + i % width) as f64 - cx, (y + i / width) as f64 - cy);
            dx * dx + dy * dy < radius * radius
        };
        let places: Vec<usize> = (0..width * height).filter(|&i| inside(i)).collect();
        let columns = || places.iter().map(|i| i % width);
        let rows = || places.iter().map(|i| i / width);
        let (left, top) = (columns().min()?, rows().min()?);
        let (w, h) = (columns().max()? + 1 - left, rows().max()? + 1 - top);
        let bits = (0..w * h)
            .map(|i| inside((top + i / w) * width + left + i % w))
            .collect();
        let (iou, stability) = (0.9, 1.0);
        let shape = Shape {
            x: x + left,
            y: y + top,
            width: w,
            height: h,
            area: places.len(),
            bits,
        };
        let cut = tiles[place].cuts(&shape, size);
        Some(Proposal {
            shape,
            iou,
            stability,
            tile: place,
            cut,
        })
    }

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
        assert_eq!(
            layout((1000, 300), 0, 0.25),
            [Tile {
                x: 0,
                y: 0,
                width: 1000,
                height: 300
            }]
        );
        let square = layout((1001, 1001), 400, 0.5);
        assert!(
            square
                .iter()
                .any(|tile| tile.x + tile.width == 1001 && tile.y + tile.height == 1001)
        );
    }

    #[test]
    fn objects_on_seams_come_out_whole_and_once() {
        let size = (700, 400);
        let tiles = layout(size, 400, 0.25);
        assert_eq!(tiles.len(), 2);
        // Within the first tile; whole in the overlap of both; across it, whole in none; whole in
        // the second and cut by the first; cut by the image's own edge.
        let discs = [
            (100.0, 100.0, 30.0),
            (350.0, 60.0, 20.0),
            (350.0, 250.0, 90.0),
            (420.0, 350.0, 40.0),
            (690.0, 60.0, 30.0),
        ];
        let all = discs
            .iter()
            .flat_map(|disc| (0..2).filter_map(|place| seen(&tiles, place, *disc, size)));
        let whole = super::super::proposals::suppress(join(all.collect(), &tiles), 0.7);
        assert_eq!(whole.len(), discs.len());
        for (cx, cy, radius) in discs {
            let alone = layout(size, 0, 0.0);
            let expected = seen(&alone, 0, (cx, cy, radius), size).unwrap().shape;
            assert!(
                whole.iter().any(|c| c.shape == expected),
                "the disc at {cx}, {cy}"
            );
        }
    }
}
