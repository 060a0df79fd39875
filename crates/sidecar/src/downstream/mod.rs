//! Calls of downstream APIs with a token of ours.

mod body;
mod budget;
mod call;
mod headers;
mod media_type;
mod redirect;
mod result;
mod url;

pub(crate) use body::{Pace, ReadError, read};
pub(crate) use budget::{Budget, Share};
pub(crate) use call::{Call, Outcome, Payload};
pub(crate) use headers::{HeaderFault, extra_header};
pub(crate) use media_type::is_media_type;
pub(crate) use result::Reply;
pub(crate) use url::Base;

#[cfg(test)]
mod tests;
