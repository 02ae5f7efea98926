//! Exact Euclidean distances (Felzenszwalb and Huttenlocher, 2012).

/// The squared distance of each pixel to the nearest one that is `true`, in pixels; infinite where
/// there is none.
pub fn squared(width: usize, inside: &[bool]) -> Vec<f32> {
    let height = inside.len() / width.max(1);
    let mut squares: Vec<f32> = inside
        .iter()
        .map(|inside| if *inside { 0.0 } else { f32::INFINITY })
        .collect();
    let mut envelope = Envelope::default();
    let mut column = vec![0.0; height];
    for x in 0..width {
        for (y, value) in column.iter_mut().enumerate() {
            *value = squares[y * width + x];
        }
        envelope.lower(&mut column);
        for (y, value) in column.iter().enumerate() {
            squares[y * width + x] = *value;
        }
    }
    for row in squares.chunks_exact_mut(width.max(1)) {
        envelope.lower(row);
    }
    squares
}

/// Parabolas of which each is the lowest from its start on.
#[derive(Default)]
struct Envelope {
    places: Vec<usize>,
    starts: Vec<f32>,
    heights: Vec<f32>,
}

impl Envelope {
    /// Replaces each value by the least over all places of the value there plus the squared way.
    fn lower(&mut self, line: &mut [f32]) {
        self.places.clear();
        self.starts.clear();
        self.heights.clear();
        self.heights.extend_from_slice(line);
        for (i, &height) in line.iter().enumerate() {
            if height == f32::INFINITY {
                continue;
            }
            let mut start = f32::NEG_INFINITY;
            while let (Some(&place), Some(&from)) = (self.places.last(), self.starts.last()) {
                let rise = height - self.heights[place];
                let (a, b) = (i as f32, place as f32);
                start = (rise / (a - b) + a + b) / 2.0;
                if start > from {
                    break;
                }
                start = f32::NEG_INFINITY;
                self.places.pop();
                self.starts.pop();
            }
            self.places.push(i);
            self.starts.push(start);
        }
        if self.places.is_empty() {
            return;
        }
        let mut lowest = 0;
        for (i, value) in line.iter_mut().enumerate() {
            while self
                .starts
                .get(lowest + 1)
                .is_some_and(|&start| start < i as f32)
            {
                lowest += 1;
            }
            let place = self.places[lowest];
            *value = (i as f32 - place as f32).powi(2) + self.heights[place];
        }
    }
}
