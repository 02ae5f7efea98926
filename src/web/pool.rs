//! The threads of the CPU device. Each is a worker of the page with an instance of the engine on the same memory; rayon
//! shares the work out among them and the engine's own worker. Others do what goes on beside requests.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use js_sys::{Function, Promise};
use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;

use super::types::JsResult;
use crate::device::block_on;
use crate::error::Error;

/// Places in the pool for which no worker has come yet.
static PLACES: Mutex<VecDeque<ThreadBuilder>> = Mutex::new(VecDeque::new());
static ADDED: Condvar = Condvar::new();
/// The threads of what goes on beside requests.
static BESIDE: OnceLock<ThreadPool> = OnceLock::new();

/// The place of the engine's own thread in its pool.
const OWN: usize = 0;
/// Milliseconds between two looks at whether that is done.
const LOOK: i32 = 4;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Function, milliseconds: i32);
}

/// Makes the pool: this thread and those that `join_pool`, which are waited for. Before anything is computed, and once.
#[wasm_bindgen]
pub fn start_pool(threads: usize) -> JsResult<()> {
    let pool = ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .use_current_thread();
    let pool = pool.spawn_handler(add_place);
    Ok(pool.build_global().map_err(unusable)?)
}

/// Makes another pool, of so many that `join_pool`: what [`beside`] is given is done there.
#[wasm_bindgen]
pub fn start_pool_beside(threads: usize) -> JsResult<()> {
    let pool = ThreadPoolBuilder::new().num_threads(threads.max(1));
    let pool = pool.spawn_handler(add_place).build().map_err(unusable)?;
    BESIDE.get_or_init(|| pool);
    Ok(())
}

fn add_place(place: ThreadBuilder) -> std::io::Result<()> {
    held(&PLACES).push_back(place);
    ADDED.notify_one();
    Ok(())
}

fn unusable(error: ThreadPoolBuildError) -> Error {
    Error::new(format!(
        "The threads cannot be used ({error}); reload the page."
    ))
}

/// A result to be.
struct Shared<T> {
    state: Mutex<State<T>>,
    put: Condvar,
}

struct State<T> {
    done: bool,
    /// Until it is taken.
    result: Option<T>,
}

impl<T> Shared<T> {
    fn new() -> Self {
        let state = State {
            done: false,
            result: None,
        };
        Self {
            state: Mutex::new(state),
            put: Condvar::new(),
        }
    }

    fn put(&self, result: T) {
        *held(&self.state) = State {
            done: true,
            result: Some(result),
        };
        self.put.notify_all();
    }

    fn take(&self) -> Option<T> {
        held(&self.state).result.take()
    }

    /// Waits until there is a result.
    fn wait(&self) {
        let mut state = held(&self.state);
        while !state.done {
            state = self.put.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Nobody lives on after a panic.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has the other pool do work on the CPU device while this thread answers requests by itself; where
/// there is none, this thread does it.
pub(super) async fn beside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let Some(pool) = BESIDE.get() else {
        return work.await;
    };
    let result = Arc::new(Shared::new());
    // More threads than cores would have to wait for each other, and requests for the slowest of them.
    let rest = result.clone();
    rayon::spawn_broadcast(move |context| {
        if context.index() != OWN {
            rest.wait();
        }
    });
    let place = result.clone();
    pool.spawn(move || place.put(block_on(work)));
    loop {
        if let Some(done) = result.take() {
            return done;
        }
        // A timer always comes.
        let _ = JsFuture::from(Promise::new(&mut |resolve, _| set_timeout(&resolve, LOOK))).await;
    }
}

/// Gives this thread to the pool for ever.
#[wasm_bindgen]
pub fn join_pool() {
    let mut places = held(&PLACES);
    let place = loop {
        match places.pop_front() {
            Some(place) => break place,
            None => places = ADDED.wait(places).unwrap_or_else(PoisonError::into_inner),
        }
    };
    drop(places);
    place.run();
}
