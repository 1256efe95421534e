//! Answers are compressed for who says that they understand it: a page of a list becomes a tenth.

use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{DefaultPredicate, NotForContentType, Predicate, SizeAbove},
};

/// Shorter answers go as they are, in bytes: they fit into a packet.
const LEAST: u64 = 1024;

/// Compresses answers, but no streams: each event has to go at once.
pub(crate) fn layer() -> CompressionLayer<impl Predicate> {
    let worth_it = DefaultPredicate::new()
        .and(SizeAbove::new(LEAST))
        .and(NotForContentType::const_new("application/x-ndjson"))
        .and(NotForContentType::const_new("text/plain"));
    // Better levels cost several times as much and save little more of JSON.
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth_it)
}
