//! The product of two matrices of float32, by blocks that stay in the caches and tiles that stay in
//! the registers (Goto and van de Geijn, 2008, "Anatomy of high-performance matrix multiplication").

use std::cell::Cell;
use std::sync::OnceLock;

use crate::lanes::Lanes;

/// Rows of a tile: with its two vectors of columns it makes eight sums, which is what the sixteen
/// registers of a 64-bit PC hold besides what goes into them.
const ROWS: usize = 4;
const VECTORS: usize = 2;
const COLUMNS: usize = 4 * VECTORS;
/// What is summed over, the rows of the left and the columns of the right matrix in a block.
const DEPTH: usize = 256;
const BLOCK_ROWS: usize = 96;
const BLOCK_COLUMNS: usize = 1024;
/// With fewer, the other matrix is read where it is: it is not worth while to pack it.
const FEW_ROWS: usize = 2 * ROWS;
const FEW_COLUMNS: usize = 64;

/// A matrix in memory: its first element and the steps from a row and from a column to the next.
#[derive(Debug)]
pub struct Matrix<T> {
    pub start: *mut T,
    pub row: isize,
    pub column: isize,
}

impl<T> Clone for Matrix<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Matrix<T> {}

impl<T> Matrix<T> {
    pub(crate) fn transposed(self) -> Self {
        Self {
            row: self.column,
            column: self.row,
            ..self
        }
    }

    pub(crate) fn cast<U>(self) -> Matrix<U> {
        Matrix {
            start: self.start.cast(),
            row: self.row,
            column: self.column,
        }
    }

    /// # Safety
    /// The place lies in the matrix.
    #[inline(always)]
    pub(crate) unsafe fn at(self, row: usize, column: usize) -> *mut T {
        let step = row as isize * self.row + column as isize * self.column;
        // SAFETY: as the caller promises.
        unsafe { self.start.offset(step) }
    }

    /// What begins at that place.
    ///
    /// # Safety
    /// The place lies in the matrix.
    unsafe fn from(self, row: usize, column: usize) -> Self {
        // SAFETY: as the caller promises.
        let start = unsafe { self.at(row, column) };
        Self { start, ..self }
    }
}

/// `dst = keep · dst + beta · lhs · rhs`, where nothing is kept without its first term. `dst` is
/// m × n, `lhs` m × k and `rhs` k × n. Each of so many threads writes rows or columns of its own, with
/// the same sums as one would.
///
/// # Safety
/// All elements of the three matrices are valid, and those of `dst` are no others' too.
pub unsafe fn product(
    [m, n, k]: [usize; 3],
    dst: Matrix<f32>,
    keep: Option<f32>,
    lhs: Matrix<f32>,
    rhs: Matrix<f32>,
    beta: f32,
    threads: usize,
) {
    // The transposed product is the same, and needs no packing of the larger matrix.
    if m <= FEW_COLUMNS && n > m && rhs.row == 1 {
        let (size, dst) = ([n, m, k], dst.transposed());
        let (lhs, rhs) = (rhs.transposed(), lhs.transposed());
        // SAFETY: as the caller promises.
        return unsafe { by_threads(size, dst, keep, lhs, rhs, beta, threads) };
    }
    // SAFETY: as the caller promises.
    unsafe { by_threads([m, n, k], dst, keep, lhs, rhs, beta, threads) }
}

/// # Safety
/// As of [`product`].
unsafe fn by_threads(
    [m, n, k]: [usize; 3],
    dst: Matrix<f32>,
    keep: Option<f32>,
    lhs: Matrix<f32>,
    rhs: Matrix<f32>,
    beta: f32,
    threads: usize,
) {
    let by_rows = m >= n;
    let pieces = match by_rows {
        true => pieces(m, BLOCK_ROWS, threads),
        false => pieces(n, FEW_COLUMNS, threads),
    };
    let matrices = Shared([dst, lhs, rhs]);
    in_turn_or_at_once(pieces, |begin, length| {
        let [dst, lhs, rhs] = matrices.get();
        // SAFETY: as the caller promises; pieces do not overlap.
        unsafe {
            if by_rows {
                let (dst, lhs) = (dst.from(begin, 0), lhs.from(begin, 0));
                by_blocks([length, n, k], dst, keep, lhs, rhs, beta);
            } else {
                let (dst, rhs) = (dst.from(0, begin), rhs.from(0, begin));
                by_blocks([m, length, k], dst, keep, lhs, rhs, beta);
            }
        }
    });
}

/// Matrices that several threads read and write, each elements of its own.
struct Shared([Matrix<f32>; 3]);

// SAFETY: what the threads write does not overlap.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(&self) -> [Matrix<f32>; 3] {
        self.0
    }
}

/// Where the pieces of `length` begin, the end included: several for each thread, as not all threads are
/// equally fast, of so many rows or columns at least, as each piece packs all of the other matrix.
fn pieces(length: usize, least: usize, threads: usize) -> Vec<usize> {
    let count = match threads {
        0 | 1 => 1,
        _ => (PIECES * threads).min(length / least).max(1),
    };
    let piece = length.div_ceil(count).next_multiple_of(COLUMNS).max(1);
    (0..length).step_by(piece).chain([length]).collect()
}

const PIECES: usize = 3;

/// Does the pieces' work, told where each begins and how long it is.
fn in_turn_or_at_once(pieces: Vec<usize>, work: impl Fn(usize, usize) + Sync) {
    let of_piece = |ends: &[usize]| work(ends[0], ends[1] - ends[0]);
    #[cfg(feature = "rayon")]
    if pieces.len() > 2 {
        use rayon::prelude::*;
        return pieces.par_windows(2).for_each(of_piece);
    }
    pieces.windows(2).for_each(of_piece);
}

/// # Safety
/// As of [`product`].
unsafe fn by_blocks(
    [m, n, k]: [usize; 3],
    dst: Matrix<f32>,
    keep: Option<f32>,
    lhs: Matrix<f32>,
    rhs: Matrix<f32>,
    beta: f32,
) {
    let (mut packed_lhs, mut packed_rhs) = PACKED.take();
    // SAFETY: blocks lie in their matrices.
    unsafe {
        for j in (0..n).step_by(BLOCK_COLUMNS) {
            let width = BLOCK_COLUMNS.min(n - j);
            // Without anything to sum over there is one empty block.
            for l in (0..k.max(1)).step_by(DEPTH) {
                let depth = DEPTH.min(k - l);
                let keep = if l == 0 { keep } else { Some(1.0) };
                let loose = m <= FEW_ROWS && rhs.column == 1;
                let rhs = rhs.from(l, j).transposed();
                let rhs = Panels::<COLUMNS>::new(&mut packed_rhs, rhs, width, depth, loose);
                for i in (0..m).step_by(BLOCK_ROWS) {
                    let height = BLOCK_ROWS.min(m - i);
                    let loose = width <= FEW_COLUMNS && lhs.column == 1;
                    let lhs = lhs.from(i, l);
                    let lhs = Panels::<ROWS>::new(&mut packed_lhs, lhs, height, depth, loose);
                    block(
                        [height, width, depth],
                        dst.from(i, j),
                        keep,
                        &lhs,
                        &rhs,
                        beta,
                    );
                }
            }
        }
    }
    PACKED.set((packed_lhs, packed_rhs));
}

thread_local! {
    /// Room for packed blocks of the left and the right matrix.
    static PACKED: Cell<(Vec<f32>, Vec<f32>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

/// Parts of a block of a matrix, `WIDTH` of its rows each, so that one column after another is
/// read; a last part that is not full is filled up with zeros.
struct Panels<'a, const WIDTH: usize> {
    packed: &'a [f32],
    depth: usize,
    /// Full parts are read where they are.
    loose: Option<Matrix<f32>>,
    full: usize,
    count: usize,
}

impl<'a, const WIDTH: usize> Panels<'a, WIDTH> {
    /// Packs `rows` rows and `depth` columns into `room`, or only what makes no full part.
    ///
    /// # Safety
    /// The block lies in its matrix.
    unsafe fn new(
        room: &'a mut Vec<f32>,
        block: Matrix<f32>,
        rows: usize,
        depth: usize,
        loose: bool,
    ) -> Self {
        let (full, count) = (rows / WIDTH, rows.div_ceil(WIDTH));
        let begin = if loose { full } else { 0 };
        let length = (count - begin) * WIDTH * depth;
        if room.len() < length {
            room.resize(length, 0.0);
        }
        let parts = room[..length].chunks_exact_mut((WIDTH * depth).max(1));
        for (panel, part) in (begin..).zip(parts) {
            let count = WIDTH.min(rows - panel * WIDTH);
            // SAFETY: as the caller promises.
            unsafe { pack::<WIDTH>(part, block.from(panel * WIDTH, 0), count) };
        }
        Self {
            packed: &room[..length],
            depth,
            loose: loose.then_some(block),
            full,
            count,
        }
    }

    /// All parts, in at most two runs.
    fn runs(&self) -> impl Iterator<Item = Run> {
        let width = WIDTH as isize;
        let (mut loose, mut first) = (None, 0);
        if let Some(block) = self.loose {
            first = self.full;
            loose = Some(Run {
                first: 0,
                count: self.full,
                start: block.start,
                row: block.row,
                column: block.column,
                panel: width * block.row,
            });
        }
        let packed = Run {
            first,
            count: self.count - first,
            start: self.packed.as_ptr(),
            row: 1,
            column: width,
            panel: width * self.depth as isize,
        };
        let runs = loose.into_iter().chain([packed]);
        runs.filter(|run| run.count > 0)
    }
}

/// Parts at equal distances.
struct Run {
    /// The first one's number in its block.
    first: usize,
    count: usize,
    start: *const f32,
    /// The steps from a row, a column and a part to the next.
    row: isize,
    column: isize,
    panel: isize,
}

impl Run {
    /// Of each part: its number in its block, where it begins, and the step from a column to the
    /// next.
    fn panels(self) -> impl Iterator<Item = (usize, *const f32, isize)> {
        (0..self.count).map(move |i| {
            let start = self.start.wrapping_offset(i as isize * self.panel);
            (self.first + i, start, self.column)
        })
    }
}

/// Copies `count` rows, one column after another.
///
/// # Safety
/// The rows lie in their matrix.
unsafe fn pack<const WIDTH: usize>(packed: &mut [f32], rows: Matrix<f32>, count: usize) {
    let columns = packed.chunks_exact_mut(WIDTH).enumerate();
    // SAFETY: as the caller promises.
    unsafe {
        if rows.row == 1 && count == WIDTH {
            for (column, to) in columns {
                to.copy_from_slice(std::slice::from_raw_parts(rows.at(0, column), WIDTH));
            }
            return;
        }
        if count < WIDTH {
            packed.fill(0.0);
        }
        for row in 0..count {
            let mut from = rows.at(row, 0).cast_const();
            for to in packed[row..].iter_mut().step_by(WIDTH) {
                *to = *from;
                from = from.wrapping_offset(rows.column);
            }
        }
    }
}

/// The product of two blocks.
///
/// # Safety
/// As of [`product`].
unsafe fn block(
    [height, width, depth]: [usize; 3],
    dst: Matrix<f32>,
    keep: Option<f32>,
    lhs: &Panels<ROWS>,
    rhs: &Panels<COLUMNS>,
    beta: f32,
) {
    let tiles = TILES.get().copied().unwrap_or(tiles);
    let mut sums = [[[Lanes::all(0.0); VECTORS]; ROWS]; BLOCK_ROWS / ROWS];
    // SAFETY: the panels are as deep as the blocks, and the tiles lie in `dst`.
    unsafe {
        for (j, right, right_column) in rhs.runs().flat_map(Run::panels) {
            let j = j * COLUMNS;
            for left in lhs.runs() {
                tiles(
                    left.count,
                    depth,
                    left.start,
                    left.row,
                    left.column,
                    left.panel,
                    right,
                    right_column,
                    sums.as_mut_ptr(),
                );
                for (i, sums) in (left.first..).zip(&sums[..left.count]) {
                    let i = i * ROWS;
                    let size = [ROWS.min(height - i), COLUMNS.min(width - j)];
                    write(size, dst.from(i, j), keep, sums, beta);
                }
            }
        }
    }
}

/// The sums of a tile, row by row.
pub type Tile = [[Lanes; VECTORS]; ROWS];

/// Computes `count` tiles below each other, one at least, into as many `sums`: of `depth` products
/// of a left panel, the next of which is `left_panel` further, and the right panel, whose rows'
/// elements are side by side.
pub type Tiles = unsafe extern "C" fn(
    count: usize,
    depth: usize,
    left: *const f32,
    left_row: isize,
    left_column: isize,
    left_panel: isize,
    right: *const f32,
    right_column: isize,
    sums: *mut Tile,
);

/// What stands in the place of [`tiles`].
static TILES: OnceLock<Tiles> = OnceLock::new();

/// Has another function compute the tiles of all products from now on, if none does yet.
///
/// # Safety
/// The function does what [`Tiles`] says.
#[cfg(target_arch = "wasm32")]
pub unsafe fn set_tiles(tiles: Tiles) {
    let _ = TILES.set(tiles);
}

#[allow(clippy::too_many_arguments)]
unsafe extern "C" fn tiles(
    count: usize,
    depth: usize,
    left: *const f32,
    left_row: isize,
    left_column: isize,
    left_panel: isize,
    right: *const f32,
    right_column: isize,
    sums: *mut Tile,
) {
    for i in 0..count {
        let left = left.wrapping_offset(i as isize * left_panel);
        // SAFETY: as the caller promises.
        unsafe { *sums.add(i) = tile(depth, [left_row, left_column], left, right_column, right) };
    }
}

/// The sums of a tile over `depth`.
///
/// # Safety
/// All that the steps lead to is valid.
#[inline(always)]
unsafe fn tile(
    depth: usize,
    [left_row, left_step]: [isize; 2],
    left: *const f32,
    right_step: isize,
    mut right: *const f32,
) -> Tile {
    let mut sums = [[Lanes::all(0.0); VECTORS]; ROWS];
    let mut rows: [*const f32; ROWS] =
        std::array::from_fn(|row| left.wrapping_offset(row as isize * left_row));
    for _ in 0..depth {
        // SAFETY: as the caller promises.
        let columns: [Lanes; VECTORS] =
            std::array::from_fn(|vector| unsafe { Lanes::load(right.add(4 * vector)) });
        for (sums, from) in sums.iter_mut().zip(&mut rows) {
            // SAFETY: as above.
            let value = Lanes::all(unsafe { **from });
            *from = from.wrapping_offset(left_step);
            for (sum, columns) in sums.iter_mut().zip(columns) {
                *sum = sum.add_product(value, columns);
            }
        }
        right = right.wrapping_offset(right_step);
    }
    sums
}

/// Writes a tile of `height` × `width`, which may be less than its sums.
///
/// # Safety
/// The tile lies in `dst`.
#[inline(always)]
unsafe fn write(
    [height, width]: [usize; 2],
    dst: Matrix<f32>,
    keep: Option<f32>,
    sums: &Tile,
    beta: f32,
) {
    let (beta, zero) = (Lanes::all(beta), Lanes::all(0.0));
    for (row, sums) in sums.iter().enumerate().take(height) {
        // SAFETY: as the caller promises.
        unsafe {
            if width == COLUMNS && dst.column == 1 {
                for (vector, sum) in sums.iter().enumerate() {
                    let to = dst.at(row, 4 * vector);
                    let kept = match keep {
                        Some(keep) => zero.add_product(Lanes::all(keep), Lanes::load(to)),
                        None => zero,
                    };
                    kept.add_product(beta, *sum).store(to);
                }
                continue;
            }
            let mut values = [0.0; COLUMNS];
            for (vector, sum) in sums.iter().enumerate() {
                let scaled = zero.add_product(beta, *sum);
                scaled.store(values[4 * vector..].as_mut_ptr());
            }
            for (column, value) in values.into_iter().enumerate().take(width) {
                let to = dst.at(row, column);
                *to = keep.map_or(0.0, |keep| keep * *to) + value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in -1..1 that look like chance.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    /// Rows one after another, or columns, with some room in between.
    fn layout(rows: usize, columns: usize, by_rows: bool, room: usize) -> (usize, [isize; 2]) {
        match by_rows {
            true => (rows * (columns + room), [(columns + room) as isize, 1]),
            false => (columns * (rows + room), [1, (rows + room) as isize]),
        }
    }

    fn matrix(values: &mut [f32], [row, column]: [isize; 2]) -> Matrix<f32> {
        let start = values.as_mut_ptr();
        Matrix { start, row, column }
    }

    fn compare(size: [usize; 3], by_rows: [bool; 3], keep: Option<f32>, beta: f32) {
        let one = product_of(size, by_rows, keep, beta, 1);
        let three = product_of(size, by_rows, keep, beta, 3);
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(
            bits(&one) == bits(&three),
            "{size:?} {by_rows:?} by threads"
        );
    }

    /// The product by so many threads, compared with its sums one by one.
    fn product_of(
        size: [usize; 3],
        by_rows: [bool; 3],
        keep: Option<f32>,
        beta: f32,
        threads: usize,
    ) -> Vec<f32> {
        let [m, n, k] = size;
        let (dst_length, dst_steps) = layout(m, n, by_rows[0], 3);
        let (lhs_length, lhs_steps) = layout(m, k, by_rows[1], 1);
        let (rhs_length, rhs_steps) = layout(k, n, by_rows[2], 2);
        let before = numbers(dst_length, 1);
        let (mut lhs, mut rhs) = (numbers(lhs_length, 2), numbers(rhs_length, 3));
        let mut dst = before.clone();
        if keep.is_none() {
            dst.fill(f32::NAN);
        }
        let views = [
            matrix(&mut lhs, lhs_steps),
            matrix(&mut rhs, rhs_steps),
            matrix(&mut dst, dst_steps),
        ];
        let [l, r, d] = views;
        // SAFETY: the layouts give the lengths of the three vectors.
        unsafe { product(size, d, keep, l, r, beta, threads) };
        let place = |steps: [isize; 2], i: usize, j: usize| {
            (i as isize * steps[0] + j as isize * steps[1]) as usize
        };
        for i in 0..m {
            for j in 0..n {
                let term = |q| {
                    let (a, b) = (lhs[place(lhs_steps, i, q)], rhs[place(rhs_steps, q, j)]);
                    f64::from(a) * f64::from(b)
                };
                let at = place(dst_steps, i, j);
                let kept = keep.map_or(0.0, |keep| f64::from(keep) * f64::from(before[at]));
                let wanted = kept + f64::from(beta) * (0..k).map(term).sum::<f64>();
                let error = (f64::from(dst[at]) - wanted).abs();
                assert!(
                    error < 1e-4,
                    "{size:?} {by_rows:?} at {i},{j}: off by {error}"
                );
            }
        }
        dst
    }

    #[test]
    fn products_of_all_layouts_and_sizes_are_right() {
        let sizes = [
            [1, 1, 1],
            [1, 300, 40],
            [3, 5, 7],
            [4, 8, 256],
            [8, 64, 300],
            [9, 65, 257],
            [97, 33, 19],
            [100, 1030, 8],
            [193, 17, 520],
            [800, 24, 30],
            [5, 700, 70],
        ];
        for size in sizes {
            for layouts in 0..8 {
                let by_rows = [0, 1, 2].map(|bit| layouts >> bit & 1 == 1);
                compare(size, by_rows, None, 1.0);
            }
        }
    }

    #[test]
    fn what_was_there_is_kept_in_part() {
        for by_rows in [true, false] {
            compare([13, 21, 300], [by_rows, true, true], Some(0.5), -2.0);
        }
        compare([5, 9, 0], [true; 3], Some(0.25), 1.0);
        compare([5, 9, 0], [true; 3], None, 1.0);
    }
}
