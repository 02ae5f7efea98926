//! Where the decoder of instances lies in a file: micro-sam writes it beside the model
//! (`decoder_state`), or alone.

/// What its tensors' names begin with here.
pub const INSTANCE_DECODER: &str = "instance_decoder.";

/// A tensor that only it has.
const HEAD: &str = "decoder_head.block.1.weight";

/// The beginnings of its tensors' names.
const PARTS: [&str; 9] = [
    "base.",
    "deconv1.",
    "deconv2.",
    "deconv3.",
    "deconv4.",
    "deconv_out.",
    "decoder.",
    "decoder_head.",
    "out_conv.",
];

/// What stands before the names of its tensors in a file; of several such prefixes the shortest.
pub fn prefix<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let before = |name: &'a str| {
        let prefix = name.strip_suffix(HEAD)?;
        (prefix.is_empty() || prefix.ends_with('.')).then_some(prefix)
    };
    names.filter_map(before).min_by_key(|prefix| prefix.len())
}

/// The name here of a tensor of it, which lies in the file under `prefix`.
pub fn renamed(name: &str, prefix: &str) -> Option<String> {
    let rest = name.strip_prefix(prefix)?;
    let own = PARTS.iter().any(|part| rest.starts_with(part));
    own.then(|| format!("{INSTANCE_DECODER}{rest}"))
}

/// Whether tensors of these names are such a decoder without a model.
pub fn is_alone<'a>(names: impl Iterator<Item = &'a str> + Clone) -> bool {
    let begins = |with: &str| names.clone().any(|name| name.starts_with(with));
    begins(INSTANCE_DECODER) && !begins("image_encoder.")
}
