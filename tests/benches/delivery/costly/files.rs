//! Files of figures to be imported.

use std::{fmt::Write as _, io::Write as _, ops::RangeInclusive};

use ::base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::DeflateEncoder};
use serde_json::json;

use super::material::Material;

/// How many bytes of a file fit a request.
const LONGEST: usize = 1_500_000;

/// The codes of the countries.
pub fn countries(material: &Material) -> impl Iterator<Item = &str> {
    material.countries.iter().map(String::as_str)
}

/// As it is sent.
pub fn base64(file: &[u8]) -> String {
    STANDARD.encode(file)
}

/// Countries down, years across.
pub fn csv(material: &Material, years: RangeInclusive<usize>, number: usize) -> Vec<u8> {
    let mut text = "country".to_owned();
    for year in years.clone() {
        let _ = write!(text, ",{year}");
    }
    text.push('\n');
    for (row, code) in countries(material).enumerate() {
        text.push_str(code);
        for year in years.clone() {
            let _ = write!(text, ",{}", (row + year + number) % 999 + 1);
        }
        text.push('\n');
    }
    text.into_bytes()
}

/// A figure a row, the same ones again and again, to the end of what a request may hold.
pub fn longest_csv(material: &Material) -> Vec<u8> {
    let mut text = "country,year,value,note\n".to_owned();
    for row in 0.. {
        let code = &material.countries[row % material.countries.len()];
        let _ = writeln!(text, "{code},{},{},\"A note, {row}\"", 1993 + row / 249 % 30, row % 999);
        if text.len() > LONGEST {
            break;
        }
    }
    text.into_bytes()
}

/// Countries that there are not, all different.
pub fn unknown_csv() -> Vec<u8> {
    let mut text = "country,2019,2020,2021\n".to_owned();
    for row in 0..20_000 {
        let _ = writeln!(text, "Nowhere {row},1,2,3");
    }
    text.into_bytes()
}

/// All figures in JSON-stat.
pub fn json_stat(material: &Material) -> Vec<u8> {
    let years: Vec<String> = (1993..=2022).map(|year: usize| year.to_string()).collect();
    let values: Vec<usize> = (0..material.countries.len() * years.len()).map(|cell| cell % 999).collect();
    json!({
        "version": "2.0", "class": "dataset", "id": ["country", "year"], "size": [material.countries.len(), years.len()],
        "role": { "geo": ["country"], "time": ["year"] },
        "dimension": {
            "country": { "category": { "index": material.countries } },
            "year": { "category": { "index": years } },
        },
        "value": values,
    })
    .to_string()
    .into_bytes()
}

/// Cells of a sheet: countries down, years across.
pub fn grid(material: &Material, years: RangeInclusive<usize>) -> Vec<Vec<String>> {
    let csv = String::from_utf8(csv(material, years, 1)).unwrap_or_default();
    csv.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Cells of a sheet that are only numbers.
pub fn numbers(rows: usize, columns: usize) -> Vec<Vec<String>> {
    (0..rows).map(|row| (0..columns).map(|column| (row * column % 1_000).to_string()).collect()).collect()
}

/// A workbook with one sheet.
pub fn workbook(cells: &[Vec<String>]) -> Vec<u8> {
    let mut sheet =
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>".to_owned();
    for (row, cells) in cells.iter().enumerate() {
        let _ = write!(sheet, "<row r=\"{}\">", row + 1);
        for cell in cells {
            let _ = match cell.parse::<usize>() {
                Ok(value) => write!(sheet, "<c><v>{value}</v></c>"),
                Err(_) => write!(sheet, "<c t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
            };
        }
        sheet.push_str("</row>");
    }
    sheet.push_str("</sheetData></worksheet>");
    let types = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
        <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
        <Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
        <Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/></Types>";
    let relations = |kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r1\" \
             Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let book = "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
        xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
        <sheet name=\"figures\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>";
    zip(&[
        ("[Content_Types].xml", types),
        ("_rels/.rels", &relations("officeDocument", "xl/workbook.xml")),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", &relations("worksheet", "worksheets/sheet1.xml")),
        ("xl/worksheets/sheet1.xml", &sheet),
    ])
}

/// A zip file, with as little as readers need.
fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        // Into memory: it cannot fail.
        let _ = packed.write_all(text.as_bytes());
        let packed = packed.finish().unwrap_or_default();
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        // Needed version 2.0, no flags, deflate, the first day of DOS.
        let mut common = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        common.extend(crc.sum().to_le_bytes());
        common.extend(number(packed.len()));
        common.extend(number(text.len()));
        common.extend(short(name.len()));
        common.extend([0, 0]);
        let start = number(file.len());
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(start);
        directory.extend(name.as_bytes());
    }
    let (start, length, count) = (number(file.len()), number(directory.len()), short(parts.len()));
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(length);
    file.extend(start);
    file.extend([0, 0]);
    file
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

fn short(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap_or(u16::MAX).to_le_bytes()
}
