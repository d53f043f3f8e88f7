//! A chart as PNG, made from its SVG with the fonts of the system.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{
        Group, Node, Options, Text, Tree,
        fontdb::{Database, Style, Weight},
    },
};

use super::{Chart, ChartError, Theme, svg};

/// 24 MB while it is drawn.
const MAX_PIXELS: u32 = 6_000_000;

/// Looked for once: there are hundreds, and they do not change while a process runs.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut found = Database::new();
    found.load_system_fonts();
    // What a font lacks is taken from the first that has it, so those that look right come first.
    let mut faces: Vec<_> = found.faces().collect();
    faces.sort_by_cached_key(|face| {
        let family = face.families.first().map(|(family, _)| family.clone()).unwrap_or_default();
        let other = ["Serif", "Mono", "Math"].into_iter().any(|kind| family.contains(kind));
        let slanted = face.style != Style::Normal;
        (other, slanted, face.weight.0.abs_diff(Weight::NORMAL.0), !family.contains("JP"), family)
    });
    let mut fonts = Database::new();
    for face in faces {
        fonts.push_face_info(face.clone());
    }
    let known = ["Noto Sans", "DejaVu Sans", "Liberation Sans", "Noto Sans CJK JP", "Noto Sans JP", "Helvetica"];
    let there = |name: &&str| fonts.faces().any(|face| face.families.iter().any(|(family, _)| family == name));
    let first = fonts.faces().next().and_then(|face| face.families.first()).map(|(family, _)| family.clone());
    // `sans-serif` has to be something that is there.
    if let Some(family) = known.into_iter().find(there).map(ToOwned::to_owned).or(first) {
        fonts.set_sans_serif_family(family);
    }
    Arc::new(fonts)
});

/// Bytes of memory that the pixels of a picture take while it is painted.
///
/// # Errors
/// [`ChartError::Size`] for too many pixels.
pub fn workspace(chart: &Chart, scale: u16) -> Result<usize, ChartError> {
    let (width, height) = size(chart.width, chart.height, scale)?;
    Ok(usize::try_from(u64::from(width) * u64::from(height) * 4).unwrap_or(usize::MAX))
}

/// Writes the chart as PNG, each of its pixels `scale` wide and high.
///
/// # Errors
/// What `svg` refuses; [`ChartError::Size`] for too many pixels; [`ChartError::NoFont`] when letters would
/// be boxes.
pub fn png(chart: &Chart, scale: u16, mut out: impl io::Write) -> Result<(), ChartError> {
    // Before anything is laid out.
    size(chart.width, chart.height, scale)?;
    let theme = if chart.theme == Theme::Auto { Theme::Light } else { chart.theme };
    let mut drawn = Vec::new();
    svg(&Chart { theme, ..chart.clone() }, &mut drawn)?;
    out.flush()?;
    paint(&drawn, scale, &FONTS, out)
}

pub(super) fn paint(svg: &[u8], scale: u16, fonts: &Arc<Database>, mut out: impl io::Write) -> Result<(), ChartError> {
    let options = Options { fontdb: Arc::clone(fonts), font_family: "sans-serif".to_owned(), ..Options::default() };
    let tree = Tree::from_data(svg, &options).map_err(|error| ChartError::Picture(error.to_string()))?;
    // Without any font, texts are left out.
    if fonts.is_empty() || !readable(tree.root()) {
        return Err(ChartError::NoFont);
    }
    let natural = tree.size().to_int_size();
    let (width, height) = size(natural.width(), natural.height(), scale)?;
    out.flush()?;
    let mut pixels = Pixmap::new(width, height).ok_or(ChartError::Size)?;
    resvg::render(&tree, Transform::from_scale(scale.into(), scale.into()), &mut pixels.as_mut());
    out.flush()?;
    encode(width, height, &pixels.take_demultiplied(), out).map_err(|error| ChartError::Picture(error.to_string()))
}

/// The pixels of a picture, to be.
fn size(width: u32, height: u32, scale: u16) -> Result<(u32, u32), ChartError> {
    let scaled = |length: u32| length.checked_mul(scale.into()).filter(|length| *length > 0);
    let (width, height) = scaled(width).zip(scaled(height)).ok_or(ChartError::Size)?;
    let fits = width.checked_mul(height).is_some_and(|pixels| pixels <= MAX_PIXELS);
    if fits { Ok((width, height)) } else { Err(ChartError::Size) }
}

/// `Pixmap::encode_png` copies the picture first, and takes long to save few bytes.
fn encode(width: u32, height: u32, pixels: &[u8], out: impl io::Write) -> Result<(), EncodingError> {
    let mut encoder = Encoder::new(out, width, height);
    encoder.set_color(ColorType::Rgba);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

fn readable(group: &Group) -> bool {
    group.children().iter().all(|node| match node {
        Node::Group(group) => readable(group),
        Node::Text(text) => legible(text),
        _ => true,
    })
}

/// Whether a font was found for every letter. Glyph 0 is the box; a sign or an emoji may be one.
fn legible(text: &Text) -> bool {
    let mut glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs).peekable();
    let letters = |text: &str| text.chars().any(char::is_alphanumeric);
    if glyphs.peek().is_none() {
        return !text.chunks().iter().any(|chunk| letters(chunk.text()));
    }
    glyphs.all(|glyph| glyph.id.0 != 0 || !letters(&glyph.text))
}
