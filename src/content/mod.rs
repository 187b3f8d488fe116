//! Rules about representations: pure functions, no I/O, no clock.
