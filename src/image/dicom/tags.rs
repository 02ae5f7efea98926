//! The elements of a DICOM file that matter here, by group and element number (PS3.6).

/// Group and element number.
pub type Tag = (u16, u16);

/// The group of the elements that tell how the others are written.
pub const META: u16 = 0x0002;
pub const TRANSFER_SYNTAX: Tag = (META, 0x0010);

pub const IMAGER_PIXEL_SPACING: Tag = (0x0018, 0x1164);
pub const SCANNED_PIXEL_SPACING: Tag = (0x0018, 0x2010);

pub const SAMPLES_PER_PIXEL: Tag = (0x0028, 0x0002);
pub const PHOTOMETRIC: Tag = (0x0028, 0x0004);
pub const PLANAR: Tag = (0x0028, 0x0006);
pub const FRAMES: Tag = (0x0028, 0x0008);
pub const ROWS: Tag = (0x0028, 0x0010);
pub const COLUMNS: Tag = (0x0028, 0x0011);
pub const PIXEL_SPACING: Tag = (0x0028, 0x0030);
pub const BITS_ALLOCATED: Tag = (0x0028, 0x0100);
pub const BITS_STORED: Tag = (0x0028, 0x0101);
pub const HIGH_BIT: Tag = (0x0028, 0x0102);
pub const REPRESENTATION: Tag = (0x0028, 0x0103);
pub const PADDING: Tag = (0x0028, 0x0120);
pub const PADDING_LIMIT: Tag = (0x0028, 0x0121);
pub const CENTRE: Tag = (0x0028, 0x1050);
pub const WIDTH: Tag = (0x0028, 0x1051);
pub const INTERCEPT: Tag = (0x0028, 0x1052);
pub const SLOPE: Tag = (0x0028, 0x1053);
pub const WINDOW_EXPLANATION: Tag = (0x0028, 0x1055);
pub const VOI_FUNCTION: Tag = (0x0028, 0x1056);
/// Of red, green and blue: descriptors, data and data in segments.
pub const PALETTE_DESCRIPTORS: [Tag; 3] = [(0x0028, 0x1101), (0x0028, 0x1102), (0x0028, 0x1103)];
pub const PALETTES: [Tag; 3] = [(0x0028, 0x1201), (0x0028, 0x1202), (0x0028, 0x1203)];
pub const SEGMENTED_PALETTES: [Tag; 3] = [(0x0028, 0x1221), (0x0028, 0x1222), (0x0028, 0x1223)];
pub const MODALITY_LUT: Tag = (0x0028, 0x3000);
pub const LUT_DESCRIPTOR: Tag = (0x0028, 0x3002);
pub const LUT_EXPLANATION: Tag = (0x0028, 0x3003);
pub const LUT_DATA: Tag = (0x0028, 0x3006);
pub const VOI_LUT: Tag = (0x0028, 0x3010);

/// Sequences of functional groups.
pub const PIXEL_MEASURES: Tag = (0x0028, 0x9110);
pub const FRAME_VOI: Tag = (0x0028, 0x9132);
pub const TRANSFORMATION: Tag = (0x0028, 0x9145);
pub const SHARED: Tag = (0x5200, 0x9229);
pub const PER_FRAME: Tag = (0x5200, 0x9230);

/// What a segmentation says of itself, and of its frames.
pub const SEGMENTATION_TYPE: Tag = (0x0062, 0x0001);
pub const MAXIMUM_FRACTION: Tag = (0x0062, 0x000e);
pub const TOTAL_COLUMNS: Tag = (0x0048, 0x0006);
pub const TOTAL_ROWS: Tag = (0x0048, 0x0007);
pub const SEGMENT_IDENTIFICATION: Tag = (0x0062, 0x000a);
pub const REFERENCED_SEGMENT: Tag = (0x0062, 0x000b);
pub const DERIVATION_IMAGE: Tag = (0x0008, 0x9124);
pub const SOURCE_IMAGE: Tag = (0x0008, 0x2112);
pub const REFERENCED_FRAME: Tag = (0x0008, 0x1160);
pub const PLANE_POSITION: Tag = (0x0020, 0x9113);
pub const IMAGE_POSITION: Tag = (0x0020, 0x0032);

pub const EXTENDED_OFFSETS: Tag = (0x7fe0, 0x0001);
pub const FLOAT_PIXELS: Tag = (0x7fe0, 0x0008);
pub const DOUBLE_PIXELS: Tag = (0x7fe0, 0x0009);
pub const PIXEL_DATA: Tag = (0x7fe0, 0x0010);
/// All that may hold an image's values.
pub const PIXELS: [Tag; 3] = [FLOAT_PIXELS, DOUBLE_PIXELS, PIXEL_DATA];

pub const ITEM: Tag = (0xfffe, 0xe000);
pub const ITEM_END: Tag = (0xfffe, 0xe00d);
pub const SEQUENCE_END: Tag = (0xfffe, 0xe0dd);

/// Those of a file's own data set, not in sequences.
pub fn is_wanted(tag: Tag) -> bool {
    const GROUPS: [u16; 2] = [0x0028, 0x7fe0];
    let others = [
        IMAGER_PIXEL_SPACING,
        SCANNED_PIXEL_SPACING,
        SEGMENTATION_TYPE,
        MAXIMUM_FRACTION,
        TOTAL_COLUMNS,
        TOTAL_ROWS,
        SHARED,
        PER_FRAME,
    ];
    GROUPS.contains(&tag.0) || others.contains(&tag)
}
