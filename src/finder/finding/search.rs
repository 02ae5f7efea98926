//! What is searched for in an image, and where.

use super::Given;
use crate::finder::lesson::Learned;
use crate::finder::network::Network;
use crate::finder::propose::Scope;
use crate::finder::unet::UNet;
use crate::finder::view::{Shades, Tiling, View};
use crate::image::part::Part;
use crate::image::resize::Rows;

pub(super) struct Search {
    pub learned: Learned,
    pub tiling: Tiling,
    pub cores: Vec<Part>,
    /// The tile at hand.
    pub place: usize,
}

impl Search {
    /// In an image of `size`.
    pub fn new(size: (usize, usize), learned: Learned) -> Self {
        let tiling = Tiling::new(size, learned.sizes.diameter);
        Self {
            learned,
            tiling,
            cores: tiling.cores(),
            place: 0,
        }
    }

    pub fn view(&self, image: &impl Rows, shades: Shades) -> View {
        let part = self.tiling.with_margins(&self.cores[self.place]);
        View::new(image, part, shades, self.tiling.scale)
    }

    pub fn scope<'a>(
        &'a self,
        view: &'a View,
        (network, unet): (&'a Network, &'a UNet),
        given: &'a Given,
    ) -> Scope<'a> {
        Scope {
            instances: given.instances(),
            about: None,
            view,
            core: &self.cores[self.place],
            learned: &self.learned,
            network,
            unet,
            scale: self.tiling.scale,
        }
    }
}
