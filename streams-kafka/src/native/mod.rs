//! Safe calls to librdkafka: everything `unsafe` in this crate is in this folder.
//!
//! This module owns the life cycle of clients, the callbacks and the conversion of data between C and Rust. It decides
//! nothing: its callers interpret codes and events. Only the bindings of the crate `rdkafka` are used, not its safe
//! clients: its consumer takes three times the CPU time per record, its producer has no topic handles, its clients block
//! when they are dropped, its admin client collects log lines that nobody reads, and its configuration loses the order of
//! settings, which decides between a setting and its alias.

#![expect(unsafe_code, reason = "the only place where C is called")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rdkafka::bindings as sys;
use streams_core::log::{Doorbell, LogError, LogErrorKind};
use streams_core::record::{Timestamp, TopicPartition};

use crate::errors::Code;
use crate::logging::LogLimit;

mod admin;
mod batch;
mod bootstrap;
mod connections;
mod group;
mod headers;
mod partitions;
mod produce;
mod transaction;
mod versions;

pub(crate) use admin::{Place, TopicDescription};
pub(crate) use batch::{Message, MessageBuffer};
pub(crate) use partitions::{PartitionEntry, PartitionList};
pub(crate) use produce::{ProduceError, TopicRef};

/// Receives reports of a client that are not results of calls. Called during calls to the client, on the caller's thread.
pub(crate) trait Listener: Send + Sync {
    /// An error that concerns no call and no record.
    fn error(&self, code: Code, reason: &str) {
        let _ = (code, reason);
    }

    /// A connection has failed, as librdkafka's log says. Called on librdkafka's threads.
    fn connection_failed(&self, line: &str) {
        let _ = line;
    }

    /// The broker has refused to take a partition into the transaction, as librdkafka's log says. Called on librdkafka's
    /// threads.
    fn not_in_transaction(&self, line: &str) {
        let _ = line;
    }

    /// Why no broker can be reached, as far as [`Listener::error`] was told.
    fn trouble(&self) -> Option<(Code, String)> {
        None
    }

    /// A broker has answered.
    fn reached(&self) {}

    /// A record was acknowledged at `offset`, or was not delivered. `topic` is the tag passed to [`TopicRef::produce`].
    fn delivered(&self, topic: usize, partition: i32, offset: i64, failure: Option<NotDelivered>) {
        let _ = (topic, partition, offset, failure);
    }

    /// The group assigns these partitions to this member, or revokes them. The rebalance waits until
    /// [`Client::assign_nothing`] or [`Client::unassign`] is called. Not called while the member is leaving the group.
    fn rebalanced(&self, is_assigned: bool, partitions: Vec<TopicPartition>) {
        let _ = (is_assigned, partitions);
    }
}

/// Why a record was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotDelivered {
    pub(crate) code: Code,
    pub(crate) timestamp: Timestamp,
    pub(crate) has_key: bool,
    /// Key, value and headers.
    pub(crate) bytes: usize,
}

/// The purpose of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Consumer,
    Producer,
}

/// The data that the callbacks need. It stays in place, in a box, until the client is gone.
struct CallbackContext {
    name: String,
    log: Arc<LogLimit>,
    doorbell: Doorbell,
    listener: Arc<dyn Listener>,
    /// Set when a member leaves its group: assignments are then given back without calling the listener.
    is_leaving: AtomicBool,
    /// Set when it has left: then nobody waits for an answer to what is still in its queue.
    has_left: AtomicBool,
    /// The number of broken connections, for producers.
    broken: connections::Broken,
    /// How it was registered, for producers.
    registration: versions::Registration,
    bootstrap: bootstrap::Bootstrap,
}

/// A librdkafka client. Dropping it closes its connections on a separate thread, because that waits for librdkafka's
/// threads. It does not leave the group.
pub(crate) struct Client(ManuallyDrop<Parts>);

struct Parts {
    rk: NonNull<sys::rd_kafka_t>,
    /// Receives events and fetched records.
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// `rk` and `queue` point to it, so it is dropped last.
    context: Box<CallbackContext>,
}

// SAFETY: librdkafka's functions may be called from any thread at any time; `CallbackContext` is Send and Sync.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

impl Client {
    /// Creates a client. `doorbell` rings when its queue becomes non-empty.
    pub(crate) fn create(
        role: Role,
        settings: &[(String, String)],
        log: &Arc<LogLimit>,
        doorbell: &Doorbell,
        listener: Arc<dyn Listener>,
    ) -> Result<Self, LogError> {
        let setting = |name: &str| settings.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let context = Box::new(CallbackContext {
            name: setting("client.id").unwrap_or_default().to_owned(),
            log: Arc::clone(log),
            doorbell: doorbell.clone(),
            listener,
            is_leaving: AtomicBool::new(false),
            has_left: AtomicBool::new(false),
            broken: connections::Broken::default(),
            registration: versions::Registration::default(),
            bootstrap: bootstrap::Bootstrap::new(c_string(setting("bootstrap.servers").unwrap_or_default())?),
        });
        let conf = Conf::new(settings)?;
        let context_ptr = ptr::from_ref(&*context).cast_mut().cast::<c_void>();
        // SAFETY: the configuration is ours until `rd_kafka_new`; the callbacks have the types that are
        // asked for; `context` stays where it is, and lives, until the client is destroyed.
        unsafe {
            sys::rd_kafka_conf_set_opaque(conf.0, context_ptr);
            sys::rd_kafka_conf_set_log_cb(conf.0, Some(on_log));
            sys::rd_kafka_conf_set_error_cb(conf.0, Some(on_error));
            match role {
                Role::Consumer => sys::rd_kafka_conf_set_rebalance_cb(conf.0, Some(on_rebalance)),
                Role::Producer => sys::rd_kafka_conf_set_dr_msg_cb(conf.0, Some(on_delivery)),
            }
        }
        if role == Role::Producer {
            connections::count(&conf, context_ptr);
        }
        let rk = conf.into_client(role)?;
        // SAFETY: `rk` is a live client; a consumer of ours always has a group id, so it has a consumer queue.
        let queue = unsafe {
            match role {
                Role::Consumer => {
                    sys::rd_kafka_poll_set_consumer(rk.as_ptr());
                    sys::rd_kafka_queue_get_consumer(rk.as_ptr())
                }
                Role::Producer => sys::rd_kafka_queue_get_main(rk.as_ptr()),
            }
        };
        let Some(queue) = NonNull::new(queue) else {
            // SAFETY: `rk` is live, and nobody else knows it.
            unsafe { sys::rd_kafka_destroy(rk.as_ptr()) };
            return Err(LogError::new(LogErrorKind::Other, "the client has no queue"));
        };
        // SAFETY: both pointers are live, and `on_event` gets the `CallbackContext` that outlives the queue. The
        // callback runs on librdkafka's threads under the queue's lock; it only rings, which calls nothing
        // of librdkafka's and waits for nobody who could wait for that lock.
        unsafe { sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(on_event), context_ptr) };
        context.doorbell.ring();
        Ok(Self(ManuallyDrop::new(Parts { rk, queue, context })))
    }

    fn rk(&self) -> *mut sys::rd_kafka_t {
        self.0.rk.as_ptr()
    }

    fn queue(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.queue.as_ptr()
    }

    /// Serves a producer's callbacks: deliveries and errors.
    pub(crate) fn poll(&self) {
        self.tend();
        // SAFETY: a live client.
        unsafe { sys::rd_kafka_poll(self.rk(), 0) };
    }

    /// The error after which the client cannot be used any more, if there was one.
    pub(crate) fn fatal_error(&self) -> Option<(Code, String)> {
        let mut text = [0; 512];
        // SAFETY: a live client and a buffer with the given length.
        let code = unsafe { sys::rd_kafka_fatal_error(self.rk(), text.as_mut_ptr(), text.len()) } as i32;
        (code != 0).then(|| (Code(code), buffer_text(&text)))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the field is not touched again.
        let parts = unsafe { ManuallyDrop::take(&mut self.0) };
        // Without a thread, the parts are dropped here, which takes longer but is correct as well.
        let _ = std::thread::Builder::new().name("kafka-close".into()).spawn(move || drop(parts));
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({:?})", self.0.context.name)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // SAFETY: both pointers are live and not used afterwards. The queue forgets its callback before
        // `context` goes, and `rd_kafka_destroy_flags` returns only when no thread of the client is left.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
            sys::rd_kafka_destroy_flags(self.rk.as_ptr(), sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        }
    }
}

/// A configuration that no client owns yet.
struct Conf(*mut sys::rd_kafka_conf_t);

impl Conf {
    fn new(settings: &[(String, String)]) -> Result<Self, LogError> {
        // SAFETY: no preconditions; the result is never null.
        let conf = Self(unsafe { sys::rd_kafka_conf_new() });
        for (key, value) in settings {
            conf.set(key, value)?;
        }
        Ok(conf)
    }

    fn set(&self, key: &str, value: &str) -> Result<(), LogError> {
        let c_key = c_string(key)?;
        // The value may be secret.
        let c_value = CString::new(value).map_err(|_| {
            LogError::new(LogErrorKind::Invalid, format!("the Kafka setting `{key}` contains a zero byte"))
        })?;
        let mut text = [0; 512];
        // SAFETY: a live configuration, terminated strings, and a buffer with the given length.
        let result =
            unsafe { sys::rd_kafka_conf_set(self.0, c_key.as_ptr(), c_value.as_ptr(), text.as_mut_ptr(), text.len()) };
        match result {
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK => Ok(()),
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_UNKNOWN => {
                Err(crate::setting_errors::unknown_setting(key, &self.keys()))
            }
            sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_INVALID => {
                Err(crate::setting_errors::invalid_setting(key, &buffer_text(&text)))
            }
        }
    }

    /// The names of all settings.
    fn keys(&self) -> Vec<String> {
        let mut count = 0;
        // SAFETY: a live configuration; the array holds `count` terminated strings, names and values in
        // turn, until it is freed below.
        unsafe {
            let array = sys::rd_kafka_conf_dump(self.0, &mut count);
            let keys = (0..count).step_by(2).map(|index| text_of(*array.add(index))).collect();
            sys::rd_kafka_conf_dump_free(array, count);
            keys
        }
    }

    fn into_client(self, role: Role) -> Result<NonNull<sys::rd_kafka_t>, LogError> {
        let role = match role {
            Role::Consumer => sys::rd_kafka_type_t::RD_KAFKA_CONSUMER,
            Role::Producer => sys::rd_kafka_type_t::RD_KAFKA_PRODUCER,
        };
        let mut text = [0; 512];
        // SAFETY: a live configuration and a buffer with the given length.
        let rk = unsafe { sys::rd_kafka_new(role, self.0, text.as_mut_ptr(), text.len()) };
        let rk = NonNull::new(rk).ok_or_else(|| crate::setting_errors::no_client(&buffer_text(&text)))?;
        // The client owns the configuration now.
        std::mem::forget(self);
        Ok(rk)
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: the configuration was not passed to a client.
        unsafe { sys::rd_kafka_conf_destroy(self.0) };
    }
}

unsafe extern "C" fn on_event(_: *mut sys::rd_kafka_t, context: *mut c_void) {
    // SAFETY: the pointer that was passed to `rd_kafka_queue_cb_event_enable`.
    let context = unsafe { &*context.cast::<CallbackContext>() };
    context.doorbell.ring();
}

/// The level of errors in librdkafka's log, as in syslog.
const ERROR_LEVEL: c_int = 3;

unsafe extern "C" fn on_log(rk: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    if rk.is_null() {
        return;
    }
    // SAFETY: the opaque pointer was set before the client was created; the strings are terminated and
    // live during the call.
    let (context, facility, line) = unsafe {
        let context = sys::rd_kafka_opaque(rk).cast::<CallbackContext>();
        (&*context, text_of(facility), text_of(line))
    };
    if facility == "FAIL" {
        context.bootstrap.note_trouble();
        context.listener.connection_failed(&line);
    }
    // Its records will only be reported as purged, and with them all others of the transaction.
    if facility == "ADDPARTS" && level <= ERROR_LEVEL {
        context.listener.not_in_transaction(&line);
    }
    context.log.log(&context.name, level, &facility, &line);
}

unsafe extern "C" fn on_error(rk: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, context: *mut c_void) {
    // SAFETY: as in `on_log`.
    let (context, reason) = unsafe { (&*context.cast::<CallbackContext>(), text_of(reason)) };
    if Code(code) != Code::FATAL {
        return context.listener.error(Code(code), &reason);
    }
    let mut text = [0; 512];
    // SAFETY: the client that calls, and a buffer with the given length.
    let code = unsafe { sys::rd_kafka_fatal_error(rk, text.as_mut_ptr(), text.len()) } as i32;
    context.listener.error(Code(code), &buffer_text(&text));
}

unsafe extern "C" fn on_delivery(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    context: *mut c_void,
) {
    // SAFETY: the opaque pointer as in `on_log`; the message lives during the call. Its error is read as a
    // number, because the broker may send one that the enum does not have.
    let (context, code) =
        unsafe { (&*context.cast::<CallbackContext>(), (&raw const (*message).err).cast::<i32>().read()) };
    // SAFETY: as above.
    let (topic, partition, offset) = unsafe { ((*message)._private.addr(), (*message).partition, (*message).offset) };
    // SAFETY: as above.
    let failure = (code != 0).then(|| unsafe { not_delivered(message, Code(code)) });
    context.listener.delivered(topic, partition, offset, failure);
}

/// # Safety
/// A live message of a delivery report that nobody else uses meanwhile.
unsafe fn not_delivered(message: *const sys::rd_kafka_message_t, code: Code) -> NotDelivered {
    let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    // SAFETY: the caller's promise, and a place for the kind. The broker's text about the record is not read, because it
    // is freed before that (2.12.1, `rd_kafka_msgbatch_handle_Produce_result_record_errors`). librdkafka knows the
    // timestamp, but returns it only for messages without an error, so the error is temporarily removed.
    unsafe {
        let error = (&raw const (*message).err).cast::<i32>().cast_mut();
        error.write(0);
        let timestamp = Timestamp(sys::rd_kafka_message_timestamp(message, &mut kind));
        error.write(code.0);
        let bytes = (*message).key_len + (*message).len + header_bytes(message);
        NotDelivered { code, timestamp, has_key: !(*message).key.is_null(), bytes }
    }
}

/// # Safety
/// A live message of a delivery report that nobody else uses meanwhile.
unsafe fn header_bytes(message: *const sys::rd_kafka_message_t) -> usize {
    let mut headers = std::ptr::null_mut();
    // SAFETY: the caller's promise, and a place for the headers, which stay the message's.
    let code = unsafe { sys::rd_kafka_message_headers(message, &mut headers) };
    let (mut bytes, mut index, mut found) = (0, 0, code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR);
    while found {
        let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the message's headers, and places for one of them, whose name is a terminated string.
        unsafe {
            let code = sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut size);
            found = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
            if found {
                bytes += std::ffi::CStr::from_ptr(name).count_bytes() + size;
            }
        }
        index += 1;
    }
    bytes
}

unsafe extern "C" fn on_rebalance(
    rk: *mut sys::rd_kafka_t,
    code: sys::rd_kafka_resp_err_t,
    partitions: *mut sys::rd_kafka_topic_partition_list_t,
    context: *mut c_void,
) {
    // SAFETY: the opaque pointer as in `on_log`; the list lives during the call and is only read.
    let (context, entries) = unsafe { (&*context.cast::<CallbackContext>(), partitions::entries(partitions)) };
    let is_assigned = code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    if context.has_left.load(Ordering::SeqCst) {
        return;
    }
    if context.is_leaving.load(Ordering::SeqCst) {
        // An assignment must be accepted before it can be given back.
        let nothing = PartitionList::new();
        let assignment = if is_assigned { nothing.as_ptr().cast_const() } else { ptr::null() };
        // SAFETY: the client that calls, and a live list, which is copied; null is "no assignment".
        unsafe { sys::rd_kafka_assign(rk, assignment) };
        return;
    }
    context.listener.rebalanced(is_assigned, entries.into_iter().map(|entry| entry.partition).collect());
}

/// The name and description of a code, if librdkafka knows it.
pub(crate) fn describe_code(code: Code) -> Option<(String, String)> {
    let code = sys::rd_kafka_resp_err_t::try_from(code.0).ok()?;
    // SAFETY: both functions take any value of the enum and return static strings.
    unsafe { Some((text_of(sys::rd_kafka_err2name(code)), text_of(sys::rd_kafka_err2str(code)))) }
}

fn c_string(text: &str) -> Result<CString, LogError> {
    CString::new(text).map_err(|_| LogError::new(LogErrorKind::Invalid, format!("{text:?} contains a zero byte")))
}

/// # Safety
/// `text` is null or a terminated string that lives during the call.
unsafe fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// The text in a buffer to which librdkafka has written a message.
fn buffer_text(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().take_while(|byte| **byte != 0).map(|byte| byte.to_ne_bytes()[0]).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Converts and destroys an `rd_kafka_error_t`; `None` if it is null.
///
/// # Safety
/// `error` is null or owned by the caller, who does not use it afterwards.
unsafe fn take_error(error: *mut sys::rd_kafka_error_t) -> Option<(Code, String)> {
    if error.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let code = Code(sys::rd_kafka_error_code(error) as i32);
        let reason = text_of(sys::rd_kafka_error_string(error));
        sys::rd_kafka_error_destroy(error);
        Some((code, reason))
    }
}
