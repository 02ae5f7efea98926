//! How long a GPU is at something, by its own clock.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeBackend, cubecl};
use cubecl::client::{Client, ProfileWindow};

/// Runs from its start on.
#[derive(Clone, Default)]
pub struct Stopwatch(Arc<Mutex<Option<(Client, ProfileWindow)>>>);

impl Stopwatch {
    /// Begins after what the GPU of `x` was given to do before; the GPU must have timestamps, or a browser's engine ends.
    pub fn start(x: Tensor<1>) -> Self {
        let watch = Self::default();
        drop(Dispatch::begin_watch(x.into_dispatch(), watch.clone()));
        watch
    }

    /// Seconds from the start to the end of what the GPU was given to do until now; `None` where it did not tell.
    pub async fn stop(self) -> Option<f64> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (client, window) = begun?;
        let ticks = client.profile_end(window).ok()?.resolve().await?;
        Some(ticks.duration().as_secs_f64()).filter(|&seconds| seconds > 0.0)
    }
}

#[backend_extension(Cube)]
trait Watched: Backend {
    fn begin_watch(x: FloatTensor<Self>, watch: Stopwatch) -> FloatTensor<Self>;
}

impl Watched for CubeBackend {
    fn begin_watch(x: CubeTensor, watch: Stopwatch) -> CubeTensor {
        if let Ok(window) = x.client.profile_start() {
            let mut begun = watch.0.lock().unwrap_or_else(PoisonError::into_inner);
            *begun = Some((x.client.clone(), window));
        }
        x
    }
}
