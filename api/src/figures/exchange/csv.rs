//! Figures as CSV: the long form, in UTF-8 with a byte order mark, without which Excel reads Japanese as something else.

use std::io;

use csv::{Terminator, WriterBuilder};

use crate::figures::exchange::{COLUMNS, Table, records};

/// Writes the table in the long form, after RFC 4180.
///
/// # Errors
/// When `out` takes no more.
pub fn write(table: &Table, mut out: impl io::Write) -> io::Result<()> {
    out.write_all("\u{feff}".as_bytes())?;
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for record in records(table) {
        writer.write_record(record.map(|cell| cell.to_string()))?;
    }
    writer.flush()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::figures::exchange::{Row, sample};

    fn written(table: &Table) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(table, &mut bytes).unwrap();
        bytes
    }

    fn read(bytes: &[u8]) -> Vec<Row> {
        let text = std::str::from_utf8(bytes).unwrap().strip_prefix('\u{feff}').unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
        reader.records().map(|record| sample::row_of(&record.unwrap().iter().collect::<Vec<_>>())).collect()
    }

    #[test]
    fn a_table_is_written_so() {
        let text = String::from_utf8(written(&sample::small())).unwrap();
        assert_eq!(
            text,
            "\u{feff}category,category_name,country,country_name,year,value,status,confidentiality,note,note_locale\r\n\
            RESIDENT,\"住民, 国内\",JP,日本,2021,1234,FINAL,FREE,,\r\n\
            RESIDENT,\"住民, 国内\",JP,日本,2022,0,BREAK REVISED,ROUNDED,\"'=1+1, \"\"x\"\"\n二行目\",ja\r\n\
            RESIDENT,\"住民, 国内\",FR,フランス,2021,,SUPPRESSED,WITHHELD,,\r\n\
            RESIDENT,\"住民, 国内\",_T,合計,2021,1300,PROVISIONAL,FREE,See the report.,en\r\n"
        );
    }

    #[test]
    fn an_empty_table_is_a_header() {
        assert_eq!(String::from_utf8(written(&Table::default())).unwrap().lines().count(), 1);
    }

    proptest! {
        #[test]
        fn every_table_comes_back(table in sample::tables()) {
            prop_assert_eq!(read(&written(&table)), sample::reported(&table));
        }
    }
}
