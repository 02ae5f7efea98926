//! Settings that a person may change, each declared once with its default and its range: the forms
//! of the page and the options of the command line are made from them.

use serde::Serialize;
use tsify::Tsify;

use crate::error::{Error, Result};

/// A setting's default and the range that it is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Tsify)]
pub struct SettingRange {
    pub default: f64,
    pub min: f64,
    pub max: f64,
    pub integer: bool,
}

impl SettingRange {
    /// `name` is what the person knows the setting by.
    ///
    /// # Errors
    /// When `value` is out of range.
    pub fn check(&self, name: &str, value: f64) -> Result<()> {
        let whole = !self.integer || value.fract() == 0.0;
        if whole && (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        Err(Error::new(format!(
            "{name} is {}, but must be {} from {} to {}.",
            number(value),
            if self.integer {
                "a whole number"
            } else {
                "a number"
            },
            number(self.min),
            number(self.max),
        )))
    }
}

/// As a person would write it: 1e-9 rather than 0.000000001.
fn number(value: f64) -> String {
    match value != 0.0 && value.abs() < 1e-3 {
        true => format!("{value:e}"),
        false => value.to_string(),
    }
}

/// The type of a setting.
pub(crate) trait SettingValue {
    const INTEGER: bool;
    fn to_f64(self) -> f64;
}

impl SettingValue for usize {
    const INTEGER: bool = true;
    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl SettingValue for u64 {
    const INTEGER: bool = true;
    fn to_f64(self) -> f64 {
        self as f64
    }
}

impl SettingValue for f64 {
    const INTEGER: bool = false;
    fn to_f64(self) -> f64 {
        self
    }
}

impl SettingValue for f32 {
    const INTEGER: bool = false;
    fn to_f64(self) -> f64 {
        // The number that was given, as 0.6 rather than 0.6000000238418579.
        self.to_string().parse().unwrap_or(f64::from(self))
    }
}

/// Declares settings, and a structure of the same fields with the range of each:
/// `field: type = default, min to max, "What the person knows it by";`.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $name:ident with $ranges:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident: $type:ident = $default:literal, $min:literal to $max:literal, $label:literal;
            )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize, tsify::Tsify)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        #[doc = concat!("The ranges of [`", stringify!($name), "`].")]
        #[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
        pub struct $ranges {
            $(pub $field: $crate::settings::SettingRange,)+
        }

        impl $name {
            pub const RANGES: $ranges = $ranges {
                $($field: $crate::settings::SettingRange {
                    default: $default as f64,
                    min: $min as f64,
                    max: $max as f64,
                    integer: <$type as $crate::settings::SettingValue>::INTEGER,
                },)+
            };

            fn check_ranges(&self) -> $crate::error::Result<()> {
                use $crate::settings::SettingValue;
                $(Self::RANGES.$field.check($label, self.$field.to_f64())?;)+
                Ok(())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $default as $type,)+
                }
            }
        }
    };
}

pub(crate) use settings;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::automatic_masks::AutomaticMaskSettings;
    use crate::training::trainer::TrainingSettings;

    #[test]
    fn defaults_are_in_their_ranges() {
        assert_eq!(AutomaticMaskSettings::default().check(), Ok(()));
        assert_eq!(TrainingSettings::default().check(), Ok(()));
        let ranges = AutomaticMaskSettings::RANGES;
        assert_eq!(ranges.iou_threshold.default, 0.88);
        assert!(ranges.min_area.integer && !ranges.overlap.integer);
        let overlap = AutomaticMaskSettings {
            overlap: 0.6,
            ..AutomaticMaskSettings::default()
        };
        let told = overlap.check().unwrap_err().to_string();
        assert!(told.starts_with("The overlap of tiles is 0.6,"), "{told}");
    }

    #[test]
    fn ranges_are_told_as_sentences() {
        let rate = SettingRange {
            default: 1e-4,
            min: 1e-9,
            max: 1.0,
            integer: false,
        };
        assert!(rate.check("The learning rate", 1e-9).is_ok());
        let told = |range: &SettingRange, value| range.check("It", value).unwrap_err().to_string();
        assert_eq!(
            told(&rate, 2.0),
            "It is 2, but must be a number from 1e-9 to 1."
        );
        assert!(rate.check("It", f64::NAN).is_err());

        let steps = SettingRange {
            default: 100.0,
            min: 1.0,
            max: 1e5,
            integer: true,
        };
        assert!(steps.check("It", 1e5).is_ok());
        assert_eq!(
            told(&steps, 1.5),
            "It is 1.5, but must be a whole number from 1 to 100000."
        );
    }
}
