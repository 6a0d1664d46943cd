//! Requests about topics, offsets and groups. Each waits for its answer, at most for the given time.

use std::ffi::CString;
use std::ptr;

use rdkafka::bindings as sys;
use streams_core::log::{GroupMemberInfo, Isolation, NewTopic};
use streams_core::record::{Timestamp, TopicPartition};
use sys::rd_kafka_admin_op_t as Op;

use super::{Client, PartitionEntry, PartitionList, partitions, take_error, text_of};
use crate::errors::Code;

/// An error code, with librdkafka's or the broker's text.
pub(crate) type Failure = (Code, String);
type Result<T> = std::result::Result<T, Failure>;

/// How long nothing is told of a broker that cannot be reached, because the first attempts may fail.
const TOLD_AFTER_MS: i32 = 2_000;

/// The longest time that librdkafka lets a request have.
const LONGEST_TIMEOUT_MS: i32 = 3_600_000;

/// A topic as its brokers describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicDescription {
    pub(crate) partitions: u32,
    /// Whether every partition can be written to and read from.
    pub(crate) has_all_leaders: bool,
    /// Of the partition that has the fewest.
    pub(crate) replicas: u16,
    pub(crate) id: String,
}

/// The place in a partition whose offset is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first record.
    Start,
    /// After the last record.
    End,
    /// The first record that is as late.
    Time(Timestamp),
}

impl Client {
    /// Waits until some broker answers. If after a while the client has reported that there is none, it does not wait any
    /// longer, so that whoever asks hears why.
    fn reach(&self, timeout_ms: i32) -> Result<()> {
        let listener = &self.0.context.listener;
        let first = timeout_ms.min(TOLD_AFTER_MS);
        let mut code = self.ask_anybody(first);
        if code != 0 && listener.trouble().is_none() {
            code = self.ask_anybody(timeout_ms.saturating_sub(first));
        }
        if code == 0 {
            listener.reached();
            return Ok(());
        }
        Err(match listener.trouble() {
            // Asking again would not help.
            Some((code, reason)) if code.is_refusal() => (code, reason),
            Some((_, reason)) => (Code(code), reason),
            None => (Code(code), "no broker answers".into()),
        })
    }

    fn ask_anybody(&self, timeout_ms: i32) -> i32 {
        let mut metadata = ptr::null();
        // SAFETY: a live client and a place for the answer; 0 and null are "no topic at all".
        let code = unsafe { sys::rd_kafka_metadata(self.rk(), 0, ptr::null_mut(), &mut metadata, timeout_ms) } as i32;
        if code == 0 {
            // SAFETY: the answer is ours until it is destroyed.
            unsafe { sys::rd_kafka_metadata_destroy(metadata) };
        }
        // The listener hears the reports of the meantime.
        self.poll();
        code
    }

    /// The names of all topics.
    pub(crate) fn topic_names(&self, timeout_ms: i32) -> Result<Vec<String>> {
        let mut metadata = ptr::null();
        // SAFETY: a live client and a place for the answer; null is "no topic in particular".
        let code = unsafe { sys::rd_kafka_metadata(self.rk(), 1, ptr::null_mut(), &mut metadata, timeout_ms) };
        if code as i32 != 0 {
            return Err((Code(code as i32), String::new()));
        }
        // SAFETY: the answer is ours until it is destroyed and holds `topic_cnt` topics with terminated names.
        unsafe {
            let count = usize::try_from((*metadata).topic_cnt).unwrap_or(0);
            let names = (0..count).map(|index| text_of((*(*metadata).topics.add(index)).topic)).collect();
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(names)
        }
    }

    /// Describes topics, in no particular order; a topic that does not exist has an error.
    pub(crate) fn describe_topics(
        &self,
        names: &[String],
        timeout_ms: i32,
    ) -> Result<Vec<(String, std::result::Result<TopicDescription, Failure>)>> {
        let names = c_strings(names.iter().map(String::as_str))?;
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: as many terminated strings as the length says, which are copied.
        let topics = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) };
        let topics = Owned(topics, sys::rd_kafka_TopicCollection_destroy);
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout_ms, |options, queue| {
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_DescribeTopics(self.rk(), topics.0, options, queue) };
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers DescribeTopics; the array lives with it.
        unsafe {
            let array = sys::rd_kafka_DescribeTopics_result_topics(event.0, &mut count);
            Ok((0..count).map(|index| description(*array.add(index))).collect())
        }
    }

    /// Creates topics; returns the result of each, in no particular order.
    pub(crate) fn create_topics(&self, topics: &[NewTopic], timeout_ms: i32) -> Result<Vec<(String, Option<Failure>)>> {
        let topics = topics.iter().map(new_topic).collect::<Result<Vec<_>>>()?;
        let mut pointers: Vec<_> = topics.iter().map(|topic| topic.0).collect();
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms, |options, queue| {
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_CreateTopics(self.rk(), pointers.as_mut_ptr(), pointers.len(), options, queue) };
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers CreateTopics; the array lives with it.
        unsafe {
            let array = sys::rd_kafka_CreateTopics_result_topics(event.0, &mut count);
            Ok(topic_results(array, count))
        }
    }

    /// Deletes topics; returns the result of each, in no particular order.
    pub(crate) fn delete_topics(&self, names: &[String], timeout_ms: i32) -> Result<Vec<(String, Option<Failure>)>> {
        let names = c_strings(names.iter().map(String::as_str))?;
        // SAFETY: terminated strings, which are copied.
        let topics = names.iter().map(|name| unsafe { sys::rd_kafka_DeleteTopic_new(name.as_ptr()) });
        let topics: Vec<_> = topics.map(|topic| Owned(topic, sys::rd_kafka_DeleteTopic_destroy)).collect();
        let mut pointers: Vec<_> = topics.iter().map(|topic| topic.0).collect();
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout_ms, |options, queue| {
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_DeleteTopics(self.rk(), pointers.as_mut_ptr(), pointers.len(), options, queue) };
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers DeleteTopics; the array lives with it.
        unsafe {
            let array = sys::rd_kafka_DeleteTopics_result_topics(event.0, &mut count);
            Ok(topic_results(array, count))
        }
    }

    /// A topic's settings.
    pub(crate) fn topic_configs(&self, name: &str, timeout_ms: i32) -> Result<Vec<(String, String)>> {
        let name = c_string(name)?;
        let kind = sys::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        // SAFETY: a terminated string, which is copied.
        let resource = unsafe { sys::rd_kafka_ConfigResource_new(kind, name.as_ptr()) };
        let resource = Owned(resource, sys::rd_kafka_ConfigResource_destroy);
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, |options, queue| {
            let mut pointers = [resource.0];
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_DescribeConfigs(self.rk(), pointers.as_mut_ptr(), 1, options, queue) };
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers DescribeConfigs; the array lives with it.
        unsafe {
            let array = sys::rd_kafka_DescribeConfigs_result_resources(event.0, &mut count);
            if count == 0 { Ok(Vec::new()) } else { configs(*array) }
        }
    }

    /// An offset of each partition, in no particular order; negative if no record is as late as the time asked for.
    pub(crate) fn list_offsets(
        &self,
        partitions: &[streams_core::record::TopicPartition],
        place: Place,
        isolation: Isolation,
        timeout_ms: i32,
    ) -> Result<Vec<PartitionEntry>> {
        let spec = match place {
            Place::Start => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_EARLIEST as i64,
            Place::End => sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64,
            // Negative numbers mean other places.
            Place::Time(time) => time.0.max(0),
        };
        let level = match isolation {
            Isolation::ReadUncommitted => sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
            Isolation::ReadCommitted => sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        };
        let mut list = PartitionList::new();
        for partition in partitions {
            list.add(partition, spec).map_err(invalid)?;
        }
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout_ms, |options, queue| {
            // SAFETY: everything is live; the list is copied.
            unsafe {
                take_error(sys::rd_kafka_AdminOptions_set_isolation_level(options, level)).map_or(Ok(()), Err)?;
                sys::rd_kafka_ListOffsets(self.rk(), list.as_ptr(), options, queue);
            }
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers ListOffsets; the array lives with it.
        unsafe {
            let array = sys::rd_kafka_ListOffsets_result_infos(event.0, &mut count);
            let entry = |index| sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*array.add(index));
            Ok((0..count).map(|index| partitions::entry(entry(index))).collect())
        }
    }

    /// Deletes the records before these offsets.
    pub(crate) fn delete_records(&self, before: &PartitionList, timeout_ms: i32) -> Result<Vec<PartitionEntry>> {
        // SAFETY: a live list, which is copied.
        let request = unsafe { sys::rd_kafka_DeleteRecords_new(before.as_ptr()) };
        let request = Owned(request, sys::rd_kafka_DeleteRecords_destroy);
        let event = self.ask(Op::RD_KAFKA_ADMIN_OP_DELETERECORDS, timeout_ms, |options, queue| {
            let mut pointers = [request.0];
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_DeleteRecords(self.rk(), pointers.as_mut_ptr(), 1, options, queue) };
            Ok(())
        })?;
        // SAFETY: the event answers DeleteRecords; the list lives with it.
        unsafe { Ok(partitions::entries(sys::rd_kafka_DeleteRecords_result_offsets(event.0))) }
    }

    /// Forgets a group and its positions.
    pub(crate) fn delete_group(&self, group: &str, timeout_ms: i32) -> Result<()> {
        let group = c_string(group)?;
        // SAFETY: a terminated string, which is copied.
        let request = unsafe { sys::rd_kafka_DeleteGroup_new(group.as_ptr()) };
        let request = Owned(request, sys::rd_kafka_DeleteGroup_destroy);
        let event = self.ask_coordinator(Op::RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout_ms, |options, queue| {
            let mut pointers = [request.0];
            // SAFETY: everything is live and only read.
            unsafe { sys::rd_kafka_DeleteGroups(self.rk(), pointers.as_mut_ptr(), 1, options, queue) };
            Ok(())
        })?;
        let mut count = 0;
        // SAFETY: the event answers DeleteGroups; the array and its errors live with it.
        unsafe {
            let results = sys::rd_kafka_DeleteGroups_result_groups(event.0, &mut count);
            let error = if count == 0 { ptr::null() } else { sys::rd_kafka_group_result_error(*results) };
            match sys::rd_kafka_error_code(error) as i32 {
                0 => Ok(()),
                code => Err((Code(code), text_of(sys::rd_kafka_error_string(error)))),
            }
        }
    }

    /// The positions that a group has committed for these partitions. Fails with code 88 while an open transaction may
    /// change them.
    pub(crate) fn group_offsets(
        &self,
        group: &str,
        partitions: &PartitionList,
        timeout_ms: i32,
    ) -> Result<Vec<PartitionEntry>> {
        let group = c_string(group)?;
        // SAFETY: a terminated string and a live list; both are copied.
        let request = unsafe { sys::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), partitions.as_ptr()) };
        let request = Owned(request, sys::rd_kafka_ListConsumerGroupOffsets_destroy);
        let event =
            self.ask_coordinator(Op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout_ms, |options, queue| {
                let mut pointers = [request.0];
                // SAFETY: everything is live and only read.
                unsafe {
                    take_error(sys::rd_kafka_AdminOptions_set_require_stable_offsets(options, 1))
                        .map_or(Ok(()), Err)?;
                    sys::rd_kafka_ListConsumerGroupOffsets(self.rk(), pointers.as_mut_ptr(), 1, options, queue);
                }
                Ok(())
            })?;
        let mut count = 0;
        // SAFETY: the event answers ListConsumerGroupOffsets; array, error and list live with it.
        unsafe {
            let array = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(event.0, &mut count);
            if count == 0 {
                return Ok(Vec::new());
            }
            let error = sys::rd_kafka_group_result_error(*array);
            if !error.is_null() {
                let code = Code(sys::rd_kafka_error_code(error) as i32);
                return Err((code, text_of(sys::rd_kafka_error_string(error))));
            }
            Ok(partitions::entries(sys::rd_kafka_group_result_partitions(*array)))
        }
    }

    /// The members of a group, in no particular order.
    pub(crate) fn group_members(&self, group: &str, timeout_ms: i32) -> Result<Vec<GroupMemberInfo>> {
        let group = c_string(group)?;
        let event =
            self.ask_coordinator(Op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout_ms, |options, queue| {
                let mut pointers = [group.as_ptr()];
                // SAFETY: everything is live and only read.
                unsafe { sys::rd_kafka_DescribeConsumerGroups(self.rk(), pointers.as_mut_ptr(), 1, options, queue) };
                Ok(())
            })?;
        let mut count = 0;
        // SAFETY: the event answers DescribeConsumerGroups; array, error, members and texts live with it.
        unsafe {
            let array = sys::rd_kafka_DescribeConsumerGroups_result_groups(event.0, &mut count);
            if count == 0 {
                return Ok(Vec::new());
            }
            let error = sys::rd_kafka_ConsumerGroupDescription_error(*array);
            let code = if error.is_null() { 0 } else { sys::rd_kafka_error_code(error) as i32 };
            if code != 0 {
                return Err((Code(code), text_of(sys::rd_kafka_error_string(error))));
            }
            let count = sys::rd_kafka_ConsumerGroupDescription_member_count(*array);
            Ok((0..count).map(|index| member(sys::rd_kafka_ConsumerGroupDescription_member(*array, index))).collect())
        }
    }

    /// Sends a request and waits for the event that answers it.
    fn ask(
        &self,
        op: Op,
        timeout_ms: i32,
        send: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t) -> Result<()>,
    ) -> Result<Owned<sys::rd_kafka_event_t>> {
        // The request's own timeout ends the wait; the margin is only for the case that it does not.
        self.send_and_wait(op, (timeout_ms, timeout_ms.saturating_add(5_000)), send)
    }

    /// As [`Self::ask`], for a request that goes to a group's coordinator. A request that nobody answers in time lives on, so
    /// the client has to be replaced: then it ends with it.
    ///
    /// librdkafka must not end it: when it later finds the coordinator of a request whose time is up, it gives back twice
    /// what the request had taken once, and the process is aborted, or worse (2.12.1: `rd_kafka_admin_coord_request`
    /// returns an error for which `rd_kafka_coord_req_fail` calls `rd_kafka_admin_coord_response_parse`).
    fn ask_coordinator(
        &self,
        op: Op,
        timeout_ms: i32,
        send: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t) -> Result<()>,
    ) -> Result<Owned<sys::rd_kafka_event_t>> {
        self.send_and_wait(op, (LONGEST_TIMEOUT_MS, timeout_ms), send)
    }

    /// Sends a request that librdkafka ends after the first time, and waits for the second.
    fn send_and_wait(
        &self,
        op: Op,
        (request_ms, wait_ms): (i32, i32),
        send: impl FnOnce(*mut sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t) -> Result<()>,
    ) -> Result<Owned<sys::rd_kafka_event_t>> {
        // A request to a broker that is down makes librdkafka connect to it thousands of times a second (2.12.1:
        // `RD_KAFKA_OP_CONNECT` resets the back-off, and each failure sends another). A question to any broker does not.
        self.reach(request_ms.min(wait_ms))?;
        // SAFETY: a live client.
        let options =
            Owned(unsafe { sys::rd_kafka_AdminOptions_new(self.rk(), op) }, sys::rd_kafka_AdminOptions_destroy);
        // SAFETY: live options; no text is asked for.
        unsafe { sys::rd_kafka_AdminOptions_set_request_timeout(options.0, request_ms, ptr::null_mut(), 0) };
        // SAFETY: a live client.
        let queue = Owned(unsafe { sys::rd_kafka_queue_new(self.rk()) }, sys::rd_kafka_queue_destroy);
        send(options.0, queue.0)?;
        // SAFETY: a live queue; the event is ours.
        let event = unsafe { sys::rd_kafka_queue_poll(queue.0, wait_ms) };
        let event = Owned(event, sys::rd_kafka_event_destroy);
        if event.0.is_null() {
            return Err((Code(-185), "no answer".into()));
        }
        // SAFETY: a live event; the text lives with it.
        let (code, reason) =
            unsafe { (sys::rd_kafka_event_error(event.0) as i32, text_of(sys::rd_kafka_event_error_string(event.0))) };
        if code == 0 { Ok(event) } else { Err((Code(code), reason)) }
    }
}

/// An object of librdkafka's, with the function that destroys it.
struct Owned<T>(*mut T, unsafe extern "C" fn(*mut T));

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the pointer is ours and the function the one that belongs to it.
            unsafe { self.1(self.0) };
        }
    }
}

fn new_topic(topic: &NewTopic) -> Result<Owned<sys::rd_kafka_NewTopic_t>> {
    let name = c_string(&topic.name)?;
    let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    let replication = topic.replication.map_or(-1, i32::from);
    let mut text = [0; 256];
    // SAFETY: a terminated string, which is copied, and a buffer with the given length.
    let native =
        unsafe { sys::rd_kafka_NewTopic_new(name.as_ptr(), partitions, replication, text.as_mut_ptr(), text.len()) };
    if native.is_null() {
        return Err((Code(-186), super::buffer_text(&text)));
    }
    let native = Owned(native, sys::rd_kafka_NewTopic_destroy);
    for (key, value) in &topic.configs {
        let (key, value) = (c_string(key)?, c_string(value)?);
        // SAFETY: a live topic and terminated strings, which are copied.
        unsafe { sys::rd_kafka_NewTopic_set_config(native.0, key.as_ptr(), value.as_ptr()) };
    }
    Ok(native)
}

/// # Safety
/// `results` holds `count` live results.
unsafe fn topic_results(
    results: *mut *const sys::rd_kafka_topic_result_t,
    count: usize,
) -> Vec<(String, Option<Failure>)> {
    // SAFETY: the caller's promise; texts live with the results.
    let result = |index| unsafe {
        let result = *results.add(index);
        let code = sys::rd_kafka_topic_result_error(result) as i32;
        let reason = text_of(sys::rd_kafka_topic_result_error_string(result));
        (text_of(sys::rd_kafka_topic_result_name(result)), (code != 0).then_some((Code(code), reason)))
    };
    (0..count).map(result).collect()
}

/// # Safety
/// A live description.
unsafe fn description(
    topic: *const sys::rd_kafka_TopicDescription_t,
) -> (String, std::result::Result<TopicDescription, Failure>) {
    // SAFETY: the caller's promise; everything lives with the description.
    unsafe {
        let name = text_of(sys::rd_kafka_TopicDescription_name(topic));
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let code = sys::rd_kafka_error_code(error) as i32;
        if code != 0 {
            return (name, Err((Code(code), text_of(sys::rd_kafka_error_string(error)))));
        }
        let mut count = 0;
        let array = sys::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let has_leader = |index| !sys::rd_kafka_TopicPartitionInfo_leader(*array.add(index)).is_null();
        let replicas = |index| {
            let mut count = 0;
            sys::rd_kafka_TopicPartitionInfo_replicas(*array.add(index), &mut count);
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        let description = TopicDescription {
            replicas: (0..count).map(replicas).min().unwrap_or(0),
            partitions: u32::try_from(count).unwrap_or(u32::MAX),
            has_all_leaders: (0..count).all(has_leader),
            id: known_id(text_of(sys::rd_kafka_Uuid_base64str(sys::rd_kafka_TopicDescription_topic_id(topic)))),
        };
        (name, Ok(description))
    }
}

/// Brokers before 2.8 have no topic ids, which librdkafka reports as zeros. The port has an empty id in that case.
fn known_id(id: String) -> String {
    if id.bytes().all(|byte| byte == b'A') { String::new() } else { id }
}

/// # Safety
/// A live resource.
unsafe fn configs(resource: *const sys::rd_kafka_ConfigResource_t) -> Result<Vec<(String, String)>> {
    // SAFETY: the caller's promise; everything lives with the resource.
    unsafe {
        let code = sys::rd_kafka_ConfigResource_error(resource) as i32;
        if code != 0 {
            return Err((Code(code), text_of(sys::rd_kafka_ConfigResource_error_string(resource))));
        }
        let mut count = 0;
        let array = sys::rd_kafka_ConfigResource_configs(resource, &mut count);
        let entry = |index| {
            let entry = *array.add(index);
            (text_of(sys::rd_kafka_ConfigEntry_name(entry)), text_of(sys::rd_kafka_ConfigEntry_value(entry)))
        };
        Ok((0..count).map(entry).collect())
    }
}

/// # Safety
/// A live description.
unsafe fn member(member: *const sys::rd_kafka_MemberDescription_t) -> GroupMemberInfo {
    // SAFETY: the caller's promise; the texts live with the description.
    unsafe {
        GroupMemberInfo {
            member_id: text_of(sys::rd_kafka_MemberDescription_consumer_id(member)),
            client_id: text_of(sys::rd_kafka_MemberDescription_client_id(member)),
            host: text_of(sys::rd_kafka_MemberDescription_host(member)),
            assigned: assigned(sys::rd_kafka_MemberDescription_assignment(member)),
        }
    }
}

/// The partitions of an assignment, in order.
///
/// # Safety
/// Null or a live assignment.
unsafe fn assigned(assignment: *const sys::rd_kafka_MemberAssignment_t) -> Vec<TopicPartition> {
    if assignment.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise; the list lives with the assignment.
    let entries = unsafe { partitions::entries(sys::rd_kafka_MemberAssignment_partitions(assignment)) };
    let mut assigned: Vec<_> = entries.into_iter().map(|entry| entry.partition).collect();
    assigned.sort();
    assigned
}

fn c_string(text: &str) -> Result<CString> {
    super::c_string(text).map_err(invalid)
}

fn c_strings<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<CString>> {
    texts.map(c_string).collect()
}

fn invalid(error: streams_core::log::LogError) -> Failure {
    (Code(-186), error.message)
}
