//! Which shapes of a tile are worth asking the model about.

use rayon::iter::{IntoParallelIterator, ParallelExtend, ParallelIterator};

use super::candidates::{Candidates, Ground};
use super::foreground::Painting;
use super::lesson::{Learned, Sight};
use super::network::Network;
use super::numbers;
use super::plane::Plane;
use super::prior::Foreseeing;
use super::unet::UNet;
use super::view::View;
use crate::device;
use crate::image::part::Part;
use crate::image::shapes::{Shape, iou, plane};

/// The least IoU that the first network gives a shape that is asked about.
const LEAST: f32 = 0.25;
/// Shapes that have more in common are one.
const SAME: f64 = 0.75;
/// Shapes overlap, and are rivals, that share more of the smaller one than two objects do.
const RIVAL: f64 = 0.3;
/// A shape is asked about if it has at most so many rivals that are likelier, by at most so much: first in the
/// image whose objects were learned from, then in others, where what comes first is less certain.
const RIVALS: [(usize, f32); 2] = [(1, 0.15), (2, f32::INFINITY)];

/// A shape of a view.
pub struct Proposal {
    pub shape: Shape,
    pub numbers: [f32; numbers::COUNT],
    /// The IoU with an object that the first network predicts.
    pub score: f32,
    /// How many more shapes were the same.
    pub same: usize,
}

/// Shapes that are rated in one piece of work.
const TOGETHER: usize = 64;
/// The shares of the work that the foreground, what the U-Net sees, and the shapes make.
const PAINTING: f64 = 0.15;
const FORESEEING: f64 = 0.25;
const BEFORE: f64 = PAINTING + FORESEEING;
const FINDING: f64 = 0.4;

/// All shapes that may be objects of a part of a view, in the making.
pub struct Proposing {
    stage: Stage,
    /// How far the foreground is, in pieces of work.
    painted: usize,
}

enum Stage {
    Paint(Box<Painting>),
    Foresee(Box<(Sight, Plane, Foreseeing)>),
    Find(Box<Finding>),
    Rate(Box<Rating>),
}

struct Finding {
    sight: Sight,
    /// Objects are brighter than what is around them.
    image: Plane,
    candidates: Candidates,
    /// Pixels of the shapes that others are to overlap.
    about: Option<Vec<bool>>,
}

struct Rating {
    sight: Sight,
    shapes: std::vec::IntoIter<Shape>,
    all: Vec<Proposal>,
    count: usize,
}

/// What shapes are proposed of: a view with the part whose shapes they are, what was learned, the
/// ranking, and the view's pixels in one of the image.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub view: &'a View,
    pub core: &'a Part,
    pub learned: &'a Learned,
    pub network: &'a Network,
    pub unet: &'a UNet,
    pub scale: f32,
    /// Shapes of the image that the model's decoder of instances takes for objects.
    pub instances: &'a [Shape],
    /// Shapes of the view, if no others are of interest than those that overlap them.
    pub about: Option<&'a [Shape]>,
}

impl Proposing {
    pub fn new(scope: Scope) -> Self {
        let diameter = scope.learned.sizes.diameter * scope.scale;
        let foreground = &scope.learned.foreground;
        Self {
            stage: Stage::Paint(Box::new(foreground.begin(&scope.view.plane, diameter))),
            painted: 0,
        }
    }

    /// Does the next piece of work in the same scope; what came out when all is done.
    pub fn go_on(mut self, scope: Scope) -> Result<(Sight, Vec<Proposal>), Self> {
        self.stage = match self.stage {
            Stage::Paint(mut painting) => {
                self.painted += 1;
                match scope
                    .learned
                    .foreground
                    .go_on(&mut painting, &scope.view.plane)
                {
                    true => Stage::Paint(painting),
                    false => Stage::Foresee(Box::new(foresee(*painting, scope))),
                }
            }
            Stage::Foresee(mut foreseeing) => match foreseeing.2.go_on(scope.unet) {
                None => Stage::Foresee(foreseeing),
                Some(prior) => {
                    let (mut sight, image, _) = *foreseeing;
                    sight.prior = prior;
                    Stage::Find(Box::new(Finding::new(sight, image, scope)))
                }
            },
            Stage::Find(mut finding) => match finding.go_on(scope) {
                true => Stage::Find(finding),
                false => Stage::Rate(Box::new(finding.finish(scope))),
            },
            Stage::Rate(mut rating) => match rating.go_on(scope) {
                true => Stage::Rate(rating),
                false => return Ok((rating.sight, rating.all)),
            },
        };
        Err(self)
    }

    /// How far it is, 0..1.
    pub fn progress(&self) -> f64 {
        match &self.stage {
            Stage::Paint(_) => PAINTING * self.painted as f64 / (Painting::PIECES + 1) as f64,
            Stage::Foresee(foreseeing) => PAINTING + FORESEEING * foreseeing.2.progress(),
            Stage::Find(finding) => BEFORE + FINDING * finding.candidates.progress(),
            Stage::Rate(rating) => {
                let share = 1.0 - rating.shapes.len() as f64 / rating.count.max(1) as f64;
                BEFORE + FINDING + (1.0 - BEFORE - FINDING) * share
            }
        }
    }
}

/// Begins with what the U-Net sees of a view whose foreground is known.
fn foresee(painting: Painting, scope: Scope) -> (Sight, Plane, Foreseeing) {
    let Scope { view, learned, .. } = scope;
    let foreground = painting.finish(view.plane.size());
    let sight = Sight::with(view, foreground, learned.sizes.diameter, scope.scale);
    let image = view.plane.clone().map(|x| x * learned.typical.sign);
    let foreseeing = Foreseeing::new(&image, &sight.foreground, sight.diameter);
    (sight, image, foreseeing)
}

impl Finding {
    fn new(sight: Sight, image: Plane, scope: Scope) -> Self {
        let about = scope.about.map(|about| plane(about, image.size()));
        Self {
            about,
            sight,
            image,
            candidates: Candidates::default(),
        }
    }

    fn go_on(&mut self, scope: Scope) -> bool {
        let ground = Ground {
            foreground: &self.sight.foreground,
            image: &self.image,
            diameter: self.sight.diameter,
            areas: scope.learned.sizes.areas(scope.scale),
            about: self.about.as_deref(),
        };
        self.candidates.go_on(&ground)
    }

    fn finish(self, scope: Scope) -> Rating {
        let mut shapes = self.candidates.finish();
        let (least, most) = scope.learned.sizes.areas(scope.scale);
        shapes.extend(self.sight.prior.shapes((least, most)));
        let seen = scope.instances.iter().filter_map(|s| scope.view.seen(s));
        shapes.extend(seen.filter(|shape| (least..=most).contains(&shape.area)));
        shapes.retain(|shape| scope.view.owns(scope.core, shape));
        if let Some(about) = scope.about {
            shapes.retain(|shape| about.iter().any(|other| overlap(shape, other)));
        }
        Rating {
            sight: self.sight,
            count: shapes.len(),
            all: Vec::with_capacity(shapes.len()),
            shapes: shapes.into_iter(),
        }
    }
}

impl Rating {
    fn go_on(&mut self, scope: Scope) -> bool {
        let Self { sight, shapes, .. } = self;
        let some: Vec<Shape> = shapes.take(TOGETHER * device::pool_size()).collect();
        let proposals = some.into_par_iter().map(|shape| {
            let numbers = sight.numbers(&shape, &scope.learned.typical);
            Proposal {
                score: scope.network.of(&numbers),
                shape,
                numbers,
                same: 0,
            }
        });
        self.all.par_extend(proposals);
        self.shapes.len() > 0
    }
}

/// All shapes that may be objects, at once.
pub fn all(scope: Scope) -> (Sight, Vec<Proposal>) {
    let mut proposing = Proposing::new(scope);
    loop {
        match proposing.go_on(scope) {
            Ok(done) => return done,
            Err(going) => proposing = going,
        }
    }
}

/// The likely ones, none twice and few at one place, likeliest first.
pub fn likely(mut all: Vec<Proposal>, scope: Scope) -> Vec<Proposal> {
    let Scope { view, learned, .. } = scope;
    let area = |shape: &Shape| shape.area as f32 / (scope.scale * scope.scale);
    let is_whole = |shape: &Shape| !shape.touches_border_of(view.plane.size());
    let is_speck = |shape: &Shape| learned.is_speck(area(shape)) && is_whole(shape);
    all.retain(|proposal| proposal.score >= LEAST && !is_speck(&proposal.shape));
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let (most, ahead) = RIVALS[usize::from(!learned.own)];
    let mut kept: Vec<Proposal> = Vec::new();
    for proposal in all {
        let (mut rivals, mut behind) = (0, false);
        let same = kept.iter_mut().find(|other| {
            let common = common(&proposal.shape, &other.shape);
            if is_much(common, &proposal.shape, &other.shape) {
                rivals += 1;
                behind |= other.score - proposal.score > ahead;
            }
            let either = proposal.shape.area + other.shape.area - common;
            common as f64 > SAME * either as f64
        });
        match same {
            Some(other) => other.same += 1,
            None if rivals <= most && !behind => kept.push(proposal),
            None => {}
        }
    }
    kept
}

/// Whether two shapes are at one place.
pub fn overlap(a: &Shape, b: &Shape) -> bool {
    is_much(common(a, b), a, b)
}

fn is_much(common: usize, a: &Shape, b: &Shape) -> bool {
    common as f64 > RIVAL * a.area.min(b.area) as f64
}

/// Pixels that two shapes have in common.
pub fn common(a: &Shape, b: &Shape) -> usize {
    let apart = a.x + a.width <= b.x
        || b.x + b.width <= a.x
        || a.y + a.height <= b.y
        || b.y + b.height <= a.y;
    if apart {
        return 0;
    }
    let share = iou(Some(a), Some(b));
    (share / (1.0 + share) * (a.area + b.area) as f64).round() as usize
}
