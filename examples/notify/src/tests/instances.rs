//! Two instances of the application on one log: each has some of the users, and both answer for all.

use super::*;

#[test]
fn two_instances_give_the_same_answer() {
    let log = Embedded::in_memory();
    let (first, second) = (Instance::start(&log), Instance::start(&log));
    let began = Instant::now();
    let owned = |instance: &Instance| instance.app.assignment().len();
    while owned(&first) == 0 || owned(&second) == 0 {
        assert!(began.elapsed() < PATIENCE, "the tasks are not divided");
        Doorbell::new().wait(Duration::from_millis(10));
    }
    for user in 1..=4 {
        first.send(&format!("fromID=2&toID={user}&message=for {user}"));
    }
    for user in 1..=4 {
        let path = format!("/notifications/{user}");
        let list = first.get_until(&path, |body| body.contains(&format!("for {user}")));
        assert_eq!(second.get(&path).text(), list);
        assert_eq!(count(&list, "for "), 1, "{list}");
        let read = ask(second.consumer.address(), "POST", &format!("{path}/read"), &[], b"");
        assert_eq!(read.text(), r#"{"unread":0}"#);
        assert_eq!(first.get(&format!("{path}/unread")).text(), r#"{"unread":0}"#);
    }
    // Those who are left take over what the others had.
    drop(first);
    for user in 1..=4 {
        let path = format!("/notifications/{user}");
        assert_eq!(count(&second.get_until(&path, |body| body.contains("for ")), "for "), 1);
    }
}
