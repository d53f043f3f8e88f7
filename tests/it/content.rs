//! What front ends read of the site, its pages and its staff.

mod drafts;
mod locales;
mod pages;
mod staff;
