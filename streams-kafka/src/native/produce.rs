//! Passes records to a producer.

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use rdkafka::bindings as sys;
use streams_core::log::{LogError, LogErrorKind, OutgoingRecord};
use streams_core::record::Headers;
use sys::{rd_kafka_vtype_t as vtype, rd_kafka_vu_s__bindgen_ty_1 as Union};

use super::{Client, c_string, take_error};
use crate::errors::Code;

/// A topic of a producer, looked up once.
pub(crate) struct TopicRef {
    topic: NonNull<sys::rd_kafka_topic_t>,
    /// Topics must be destroyed before their client.
    client: Arc<Client>,
}

// SAFETY: librdkafka's topics may be used from any thread.
unsafe impl Send for TopicRef {}

/// Why a record was not accepted.
pub(crate) struct ProduceError {
    pub(crate) code: Code,
    pub(crate) reason: String,
}

impl TopicRef {
    pub(crate) fn new(client: &Arc<Client>, name: &str) -> Result<Self, LogError> {
        let c_name = c_string(name)?;
        // SAFETY: a live client and a terminated string; null settings are the client's defaults.
        let topic = unsafe { sys::rd_kafka_topic_new(client.rk(), c_name.as_ptr(), ptr::null_mut()) };
        let topic = NonNull::new(topic);
        let topic = topic.ok_or_else(|| LogError::new(LogErrorKind::Invalid, format!("topic `{name}`: bad name")))?;
        Ok(Self { topic, client: Arc::clone(client) })
    }

    /// Queues a copy of the record. `tag` is returned with the delivery report.
    pub(crate) fn produce(&self, tag: usize, partition: i32, record: &OutgoingRecord<'_>) -> Result<(), ProduceError> {
        let headers = NativeHeaders::of(record.headers);
        let field = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
        let fields = [
            field(vtype::RD_KAFKA_VTYPE_RKT, Union { rkt: self.topic.as_ptr() }),
            field(vtype::RD_KAFKA_VTYPE_PARTITION, Union { i32_: partition }),
            field(vtype::RD_KAFKA_VTYPE_MSGFLAGS, Union { i: sys::RD_KAFKA_MSG_F_COPY }),
            field(vtype::RD_KAFKA_VTYPE_KEY, memory(record.key)),
            field(vtype::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
            // librdkafka reads 0 as "now", so it cannot write the first millisecond of 1970.
            field(
                vtype::RD_KAFKA_VTYPE_TIMESTAMP,
                Union { i64_: if record.timestamp.0 == 0 { 1 } else { record.timestamp.0 } },
            ),
            field(vtype::RD_KAFKA_VTYPE_OPAQUE, Union { ptr: ptr::without_provenance_mut::<c_void>(tag) }),
            field(vtype::RD_KAFKA_VTYPE_HEADERS, Union { headers: headers.0 }),
        ];
        let count = if headers.0.is_null() { fields.len() - 1 } else { fields.len() };
        // SAFETY: a live client and topic; `count` fields, each with the union's member that its type asks
        // for. Key and value are copied before the call returns; headers change hands if it succeeds.
        let error = unsafe { take_error(sys::rd_kafka_produceva(self.client.rk(), fields.as_ptr(), count)) };
        match error {
            None => {
                std::mem::forget(headers);
                Ok(())
            }
            Some((code, reason)) => Err(ProduceError { code, reason }),
        }
    }
}

impl Drop for TopicRef {
    fn drop(&mut self) {
        // SAFETY: this reference is ours, and the client still lives.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) };
    }
}

/// Bytes in librdkafka's form, in which null and empty are different.
fn memory(bytes: Option<&[u8]>) -> Union {
    let (ptr, size) = bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
    Union { mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 { ptr: ptr.cast_mut().cast(), size } }
}

/// Headers in librdkafka's memory; null when there are none.
struct NativeHeaders(*mut sys::rd_kafka_headers_t);

impl NativeHeaders {
    fn of(headers: &Headers) -> Self {
        if headers.is_empty() {
            return Self(ptr::null_mut());
        }
        // SAFETY: no preconditions.
        let list = Self(unsafe { sys::rd_kafka_headers_new(headers.len()) });
        for header in headers {
            let (value, size) = header.value.as_ref().map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            // SAFETY: a live list; name and value have the given lengths, and are copied.
            unsafe {
                sys::rd_kafka_header_add(
                    list.0,
                    header.name.as_ptr().cast(),
                    isize::try_from(header.name.len()).unwrap_or(isize::MAX),
                    value.cast(),
                    isize::try_from(size).unwrap_or(isize::MAX),
                );
            }
        }
        list
    }
}

impl Drop for NativeHeaders {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list was not passed to a message.
            unsafe { sys::rd_kafka_headers_destroy(self.0) };
        }
    }
}

impl Client {
    /// The number of records and delivery reports in flight.
    pub(crate) fn outstanding(&self) -> usize {
        // SAFETY: a live client.
        usize::try_from(unsafe { sys::rd_kafka_outq_len(self.rk()) }).unwrap_or(0)
    }

    /// Sends lingering records and serves callbacks. Takes up to a millisecond, because librdkafka's threads send at once
    /// only during this call.
    pub(crate) fn push_out(&self) {
        // SAFETY: a live producer.
        unsafe { sys::rd_kafka_flush(self.rk(), 1) };
    }
}
