use super::learning::Learning;
use super::*;
use crate::finder::propose::Scope;
use crate::image::decode::Rgb;
use crate::image::shapes::iou;

const SIZE: (usize, usize) = (160, 120);

/// Bright squares, and one that nothing shows.
fn squares() -> (Rgb, Labels, Shape) {
    let mut ids = vec![0; SIZE.0 * SIZE.1];
    for (id, (x, y)) in [(20, 20), (70, 30), (30, 80)].into_iter().enumerate() {
        for row in y..y + 16 {
            ids[row * SIZE.0 + x..row * SIZE.0 + x + 16].fill(id as u32 + 1);
        }
    }
    let gray = |(i, id): (usize, &u32)| [if *id > 0 { 200 } else { 40 + (i % 7) as u8 }; 3];
    let pixels = ids.iter().enumerate().flat_map(gray).collect();
    let image = Rgb {
        width: SIZE.0,
        height: SIZE.1,
        pixels,
    };
    let unseen = Shape::trimmed(120, 80, 16, vec![true; 256]).expect("it has pixels");
    (image, Labels::new(SIZE.0, SIZE.1, ids), unseen)
}

fn with(labels: Labels) -> Given {
    Given {
        labels,
        rejected: Vec::new(),
        embeddings: Vec::new(),
        instances: None,
    }
}

fn learned(image: &Rgb, given: &Given) -> Learned {
    let mut finder = Finder::default();
    let mut learning = Learning::new(&given.labels).expect("objects are labelled");
    while learning.wants_image() {
        learning.look(image, Shades::of(image), given);
    }
    learning.go_on(&mut finder, "squares".into());
    finder.learned().expect("objects are large enough")
}

#[test]
fn objects_of_another_size_are_searched_for_at_theirs() {
    let (image, labels, _) = squares();
    let given = with(labels);
    let at = |areas: &[f32]| learned(&image, &given).for_size_of(areas);
    let diameter = learned(&image, &given).sizes.diameter;
    // Squares of 16 pixels are learned from.
    let larger = at(&[32.0 * 32.0; 9]).expect("they are many and of another size");
    assert!((larger.sizes.diameter / diameter - 2.0).abs() < 1e-3);
    assert!(at(&[18.0 * 18.0; 9]).is_none(), "about the same size");
    assert!(at(&[32.0 * 32.0; 4]).is_none(), "few");
}

#[test]
fn specks_are_left_out_once_many_larger_objects_are_labelled() {
    let (image, mut labels, _) = squares();
    let given = |labels: &Labels| with(labels.clone());
    let few = learned(&image, &given(&labels));
    assert!(
        !few.is_speck(7.0 * 7.0),
        "three objects tell little of sizes"
    );
    for (id, (x, y)) in [(70, 80), (120, 20), (120, 60)].into_iter().enumerate() {
        for row in y..y + 16 {
            labels.ids[row * SIZE.0 + x..row * SIZE.0 + x + 16].fill(id as u32 + 4);
        }
    }
    let many = learned(&image, &given(&labels));
    assert!(many.is_speck(7.0 * 7.0), "less than a quarter of 16 × 16");
    assert!(!many.is_speck(9.0 * 9.0));
}

#[test]
fn what_the_decoder_of_instances_finds_is_proposed() {
    let (image, labels, unseen) = squares();
    let shades = Shades::of(&image);
    let mut given = with(labels);
    let search = Search::new(SIZE, learned(&image, &given));
    let view = search.view(&image, shades);
    let network = Network::shipped().expect("it is in the program");
    let unet = UNet::shipped().expect("it is in the program");
    let proposed = |given: &Given| {
        let (_, all) = propose::all(search.scope(&view, (&network, &unet), given));
        let mut all = all.iter();
        all.any(|proposal| iou(Some(&proposal.shape), Some(&unseen)) > 0.8)
    };
    assert!(!proposed(&given));
    given.instances = Some([unseen.clone()].into());
    assert!(proposed(&given));
}

#[test]
fn shapes_about_an_object_are_those_of_all_that_overlap_it() {
    let (image, labels, unseen) = squares();
    let given = with(labels);
    let search = Search::new(SIZE, learned(&image, &given));
    let view = search.view(&image, Shades::of(&image));
    let network = Network::shipped().expect("it is in the program");
    let unet = UNet::shipped().expect("it is in the program");
    let scope = search.scope(&view, (&network, &unet), &given);
    let (_, all) = propose::all(scope);
    let square = shapes::boxes(&given.labels)[&2];
    let square = view
        .seen(&shapes::shape(&given.labels, 2, square))
        .expect("it is in the view");
    for about in [vec![square.clone()], vec![square, unseen]] {
        let (_, near) = propose::all(Scope {
            about: Some(&about),
            ..scope
        });
        let overlaps = |one: &&Proposal| {
            about
                .iter()
                .any(|other| propose::overlap(&one.shape, other))
        };
        let wanted: Vec<&Proposal> = all.iter().filter(overlaps).collect();
        assert!(!wanted.is_empty() && wanted.len() < all.len());
        assert_eq!(near.len(), wanted.len());
        for (near, wanted) in near.iter().zip(wanted) {
            assert_eq!((&near.shape, near.score), (&wanted.shape, wanted.score));
        }
    }
}
