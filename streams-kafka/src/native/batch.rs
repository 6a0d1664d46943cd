//! Fetched messages, many per call.
//!
//! `rd_kafka_consume_batch_queue` returns the messages that have arrived without the cost of an event per message; they
//! are borrowed from librdkafka until the [`Batch`] is dropped.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::ptr;

use bytes::Bytes;
use rdkafka::bindings as sys;
use streams_core::record::{Header, Headers, Timestamp};

use super::{Client, headers, text_of};
use crate::errors::Code;

/// A reusable buffer for the pointers to one batch of messages.
pub(crate) struct MessageBuffer(Vec<*mut sys::rd_kafka_message_t>);

// SAFETY: between calls the buffer holds no pointers that are used.
unsafe impl Send for MessageBuffer {}

impl MessageBuffer {
    /// A buffer for `capacity` messages.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(vec![ptr::null_mut(); capacity])
    }
}

/// Messages of librdkafka's, destroyed with the batch.
pub(crate) struct Batch<'a> {
    messages: &'a [*mut sys::rd_kafka_message_t],
}

/// A message, borrowed from its batch.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    message: *const sys::rd_kafka_message_t,
    batch: PhantomData<&'a ()>,
}

impl Client {
    /// The messages that have arrived, at most `count_max` and as many as fit in the buffer. Does not wait.
    pub(crate) fn consume<'a>(&self, buffer: &'a mut MessageBuffer, count_max: usize) -> Batch<'a> {
        self.tend();
        let count_max = count_max.min(buffer.0.len());
        // SAFETY: a live queue, and an array with room for `count_max` pointers. With a time-out of 0 the
        // call takes what is there.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.queue(), 0, buffer.0.as_mut_ptr(), count_max) };
        let count = usize::try_from(count).unwrap_or(0);
        Batch { messages: buffer.0.get(..count).unwrap_or_default() }
    }

    /// Serves a member's callbacks and returns its next error, if there is one. A member reads no partitions, so nothing
    /// else arrives.
    pub(crate) fn poll_member(&self) -> Option<(Code, String)> {
        self.tend();
        // SAFETY: a live consumer; the message is ours to destroy.
        let message = unsafe { sys::rd_kafka_consumer_poll(self.rk(), 0) };
        if message.is_null() {
            return None;
        }
        let batch = Batch { messages: &[message] };
        let error = batch.iter().next().and_then(|message| Some((message.error()?, message.reason())));
        drop(batch);
        error
    }
}

impl Batch<'_> {
    pub(crate) const fn len(&self) -> usize {
        self.messages.len()
    }

    /// The messages in the order in which they arrived.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        self.messages.iter().map(|message| Message { message: message.cast_const(), batch: PhantomData })
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for message in self.messages {
            // SAFETY: a message that `rd_kafka_consume_batch_queue` has returned, destroyed once.
            unsafe { sys::rd_kafka_message_destroy(*message) };
        }
    }
}

impl<'a> Message<'a> {
    fn fields(&self) -> &'a sys::rd_kafka_message_t {
        // SAFETY: the message lives as long as its batch. Its error field may hold a number that the enum
        // does not have, so it is only read through `error`.
        unsafe { &*self.message }
    }

    /// The error code, if this is not a record.
    pub(crate) fn error(&self) -> Option<Code> {
        // SAFETY: as in `fields`; read as a number.
        let code = unsafe { (&raw const (*self.message).err).cast::<i32>().read() };
        (code != 0).then_some(Code(code))
    }

    /// The text of an error.
    pub(crate) fn reason(&self) -> String {
        // SAFETY: a live message; the text is null or terminated and lives with it.
        unsafe { text_of(sys::rd_kafka_message_errstr(self.message)) }
    }

    /// Identifies the topic within a batch: messages with equal tags have the same topic.
    pub(crate) fn topic_tag(&self) -> usize {
        self.fields().rkt.addr()
    }

    /// The topic's name; `None` for an error without a partition.
    pub(crate) fn topic(&self) -> Option<&'a str> {
        let topic = self.fields().rkt;
        if topic.is_null() {
            return None;
        }
        // SAFETY: the message holds on to its topic, whose name is a terminated string.
        unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(topic)) }.to_str().ok()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.fields().partition
    }

    pub(crate) fn offset(&self) -> i64 {
        self.fields().offset
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: a live message and a place for the kind.
        Timestamp(unsafe { sys::rd_kafka_message_timestamp(self.message, &mut kind) })
    }

    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        let fields = self.fields();
        // SAFETY: a key is `key_len` bytes that live with the message.
        unsafe { bytes_at(fields.key, fields.key_len) }
    }

    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        let fields = self.fields();
        // SAFETY: a payload is `len` bytes that live with the message.
        unsafe { bytes_at(fields.payload, fields.len) }
    }

    /// The headers; costs next to nothing when there are none and the record has a value.
    pub(crate) fn headers(&self) -> Headers {
        let fields = self.fields();
        let field = |start: *mut c_void, length| headers::Field { start: start.cast_const().cast(), length };
        // SAFETY: both are this message's.
        if unsafe { headers::is_without(field(fields.key, fields.key_len), field(fields.payload, fields.len)) } {
            debug_assert!(self.listed_headers().is_empty(), "a record was taken for one without headers");
            return Headers::new();
        }
        self.listed_headers()
    }

    /// The headers as librdkafka lists them. It allocates a parser even if there are none.
    fn listed_headers(&self) -> Headers {
        let mut list = ptr::null_mut();
        // SAFETY: a live message; the list belongs to it.
        let code = unsafe { sys::rd_kafka_message_headers(self.message, &mut list) };
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Headers::new();
        }
        (0..).map_while(|index| header_at(list, index)).collect()
    }
}

fn header_at(list: *const sys::rd_kafka_headers_t, index: usize) -> Option<Header> {
    let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
    // SAFETY: a live list of headers, and places for what is found.
    let code = unsafe { sys::rd_kafka_header_get_all(list, index, &mut name, &mut value, &mut size) };
    if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: the name is terminated, the value null or `size` bytes long; both live with the list.
    unsafe { Some(Header { name: text_of(name), value: bytes_at(value, size).map(Bytes::copy_from_slice) }) }
}

/// # Safety
/// `start` is null or the start of `length` bytes that live for `'a`.
unsafe fn bytes_at<'a>(start: *const c_void, length: usize) -> Option<&'a [u8]> {
    if start.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), length) })
}
