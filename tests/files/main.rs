//! What reads and writes files, without the model.

mod annotations;
mod checkpoints;
mod dicom_files;
mod file_formats;
mod image;
mod image_files;
mod jpeg_files;
mod label_images;
mod pattern;
mod segmentations;
mod tiff_files;
mod weights;
