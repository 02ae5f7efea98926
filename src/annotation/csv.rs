//! Comma-separated values.

/// A cell. Text that a spreadsheet would take for a formula is given an apostrophe, which shows
/// it as text.
pub fn text(value: &str) -> String {
    let formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = format!("{}{value}", if formula { "'" } else { "" });
    match value.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", value.replace('"', "\"\"")),
        false => value,
    }
}

/// A row of cells.
pub fn row(cells: &[String]) -> String {
    cells.join(",") + "\r\n"
}
