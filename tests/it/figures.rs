//! The fact sheet, and the year sheets that it is put together from.

mod fact_sheet;
mod year_sheet;
