//! The loss of the mask decoder (section 3 of the paper, "Training"): focal and dice in the
//! ratio 20 : 1, and the squared error of the predicted IoU.

use burn::tensor::{Tensor, activation::sigmoid};

const FOCAL_WEIGHT: f64 = 20.0;
/// The focal loss's balance and focusing (Lin et al., 2017).
const ALPHA: f64 = 0.25;
const GAMMA: f64 = 2.0;

/// The loss of a batch, as one number `(1)`: of each prompt the loss of the single mask, for
/// those that are a single point also that of the best of the three candidates, and the squared
/// error of all four predicted IoUs.
///
/// `logits` is `(B, 4, side, side)`, `ious` `(B, 4)`, `target` `(B, side, side)` in 0..1, and
/// `ambiguous` `(B)` is 1 for a single point and 0 otherwise.
pub fn decoder_loss(
    logits: Tensor<4>,
    ious: Tensor<2>,
    target: Tensor<3>,
    ambiguous: Tensor<1>,
) -> Tensor<1> {
    decoder_loss_where(logits, ious, target, None, ambiguous)
}

/// [`decoder_loss`] over what of the cells counts: `known`, `(B, side, side)` in 0..1; without it all
/// of them do.
pub fn decoder_loss_where(
    logits: Tensor<4>,
    ious: Tensor<2>,
    target: Tensor<3>,
    known: Option<Tensor<3>>,
    ambiguous: Tensor<1>,
) -> Tensor<1> {
    let logits = logits.flatten::<3>(2, 3);
    let flat = |plane: Tensor<3>| plane.flatten::<2>(1, 2).unsqueeze_dim::<3>(1);
    let (target, known) = (flat(target), known.map(flat));
    let losses = mask_losses(logits.clone(), target.clone(), known.clone());
    let single = losses.clone().narrow(1, 0, 1).squeeze_dim::<1>(1);
    let best = losses.narrow(1, 1, 3).min_dim(1).squeeze_dim::<1>(1);
    let errors = (ious - true_ious(logits.detach(), target, known)).square();
    (single + best * ambiguous).mean() + errors.mean()
}

/// Focal and dice loss of masks `(B, K, pixels)` on targets `(B, 1, pixels)`: `(B, K)`.
fn mask_losses(logits: Tensor<3>, target: Tensor<3>, known: Option<Tensor<3>>) -> Tensor<2> {
    let p = sigmoid(logits.clone());
    let focal = focal(logits, p.clone(), target.clone());
    let focal = match &known {
        Some(known) => {
            let count = known.clone().sum_dim(2).clamp_min(1.0);
            (focal * known.clone()).sum_dim(2) / count
        }
        None => focal.mean_dim(2),
    };
    let dice = dice(of_known(p, &known), of_known(target, &known));
    (focal * FOCAL_WEIGHT + dice).squeeze_dim(2)
}

/// What of a plane counts.
fn of_known(plane: Tensor<3>, known: &Option<Tensor<3>>) -> Tensor<3> {
    match known {
        Some(known) => plane * known.clone(),
        None => plane,
    }
}

/// Of each pixel.
fn focal(logits: Tensor<3>, p: Tensor<3>, target: Tensor<3>) -> Tensor<3> {
    let other = target.clone() * -1.0 + 1.0;
    let magnitude = logits.clone().abs();
    let cross_entropy = (logits.clone() + magnitude.clone()) / 2.0 - logits * target.clone()
        + (-magnitude).exp().log1p();
    let missed = p.clone() * other.clone() + (p * -1.0 + 1.0) * target.clone();
    let balance = target * ALPHA + other * (1.0 - ALPHA);
    balance * missed.powf_scalar(GAMMA) * cross_entropy
}

/// Milletari et al., 2016, with 1 added above and below so that empty masks count too.
fn dice(p: Tensor<3>, target: Tensor<3>) -> Tensor<3> {
    let both = (p.clone() * target.clone()).sum_dim(2);
    let all = p.sum_dim(2) + target.sum_dim(2);
    (both * 2.0 + 1.0) / (all + 1.0) * -1.0 + 1.0
}

/// IoU of the masks cut at zero with the targets cut at one half: `(B, K)`.
fn true_ious(logits: Tensor<3>, target: Tensor<3>, known: Option<Tensor<3>>) -> Tensor<2> {
    let mask = of_known(logits.greater_elem(0.0).float(), &known);
    let target = of_known(target.greater_elem(0.5).float(), &known);
    let both = (mask.clone() * target.clone()).sum_dim(2);
    let either = mask.sum_dim(2) + target.sum_dim(2) - both.clone();
    (both / either.clamp_min(1.0)).squeeze_dim(2)
}
