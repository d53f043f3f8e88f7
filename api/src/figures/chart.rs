//! Figures as pictures.
