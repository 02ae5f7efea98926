use burn::tensor::wgpu::wgpu;

use super::quads::LANES;
use super::*;
use crate::model::config::{ImageEncoderConfig, SamConfig, VitConfig};

/// Multiplications and additions of a product, which is one dispatch.
fn of_product(rows: usize, inputs: usize, outputs: usize) -> f64 {
    2.0 * rows as f64 * inputs as f64 * outputs as f64
}

/// Multiplications and additions of the dispatches of an encoder's block, windowed or not.
fn of_block(config: &VitConfig, window: Option<usize>) -> Vec<f64> {
    let side = config.image_size / config.patch_size;
    let (across, side) = match window {
        Some(window) => (side.div_ceil(window), window),
        None => (1, side),
    };
    let grids = across * across;
    let (dim, rows) = (config.embed_dim, grids * side * side);
    let grid = Grid {
        form: Form::Sam,
        height: side,
        width: side,
        heads: config.heads,
        channels: dim / config.heads,
    };
    let tiles = grid.tokens().div_ceil(64) as f64;
    let share = grid.tiles_at_a_time(grids) as f64 / tiles;
    let linear = |inputs, outputs| of_product(rows, inputs, outputs);
    vec![
        share * grid.operations(grids),
        linear(dim, 3 * dim),
        linear(dim, dim),
        linear(dim, config.mlp_dim),
        linear(config.mlp_dim, dim),
    ]
}

/// Those of all encoders' blocks, patches and necks.
fn of_encoders() -> Vec<f64> {
    let configs = [SamConfig::vit_b(), SamConfig::vit_l(), SamConfig::vit_h()];
    let mut found = Vec::new();
    for config in configs {
        let ImageEncoderConfig::Vit(vit) = &config.image_encoder else {
            panic!("it is a plain vision transformer");
        };
        let pixels = (vit.image_size / vit.patch_size).pow(2);
        let patch = 3 * vit.patch_size.pow(2);
        found.extend(of_block(vit, Some(vit.window)));
        found.extend(of_block(vit, None));
        found.push(of_product(pixels, patch, vit.embed_dim));
        found.push(of_product(pixels, 9 * config.embed_dim, config.embed_dim));
    }
    found
}

#[test]
fn no_dispatch_takes_longer_than_drivers_wait() {
    let largest = of_encoders().into_iter().fold(0.0, f64::max);
    println!(
        "the largest dispatch: {:.1} billion operations",
        largest / 1e9
    );
    assert!(largest <= LARGEST_DISPATCH);
}

#[test]
fn tiles_keep_within_the_guaranteed_limits_and_share_their_work_out_evenly() {
    let guaranteed = wgpu::Limits::default();
    for tile in Tile::ALL.map(Tile::layout) {
        let bytes = tile.shared() * LANES * size_of::<f32>();
        assert!(bytes <= guaranteed.max_compute_workgroup_storage_size as usize);
        assert!(tile.units() <= guaranteed.max_compute_invocations_per_workgroup as usize);
        assert!(linear::DEPTH.is_multiple_of(tile.depth));
        assert!(tile.blocks() <= tile.units());
        assert!((tile.depth * tile.column_quads()).is_multiple_of(tile.units()));
    }
}

#[test]
fn attention_over_the_whole_image_is_cut_only_where_it_has_to_be() {
    let grid = |heads, channels| Grid {
        form: Form::Sam,
        height: 64,
        width: 64,
        heads,
        channels,
    };
    // ViT-B and ViT-H.
    assert_eq!(grid(12, 64).tiles_at_a_time(1), 64);
    assert_eq!(grid(16, 80).tiles_at_a_time(1), 32);
}
