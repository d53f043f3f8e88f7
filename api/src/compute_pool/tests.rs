//! Who gets a permit, when, and for how long.

use std::{net::IpAddr, pin::Pin, sync::mpsc, task::Poll};

use super::*;

const LANE: Priority = Priority::Idle;

fn client(number: u32) -> Client {
    Client::in_network(Network::of(IpAddr::V4(number.into())))
}

/// Polls once.
async fn poll<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_its_permit_until_it_is_done_even_when_its_client_hangs_up() {
    for priority in Priority::ALL {
        let pool = ComputePool::with_permits(1, 1);
        let (begun, has_begun) = mpsc::channel();
        let (proceed, may_proceed) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let one = client(1);
        let running = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |cancellation: &Cancellation| {
                    begun.send(()).expect("the test listens");
                    may_proceed.recv().expect("the test says so");
                    ended.send(cancellation.is_cancelled()).expect("the test listens");
                };
                pool.run(priority, &one, work).await
            }
        });
        has_begun.recv().expect("begun");
        running.abort();
        assert!(running.await.is_err_and(|error| error.is_cancelled()), "the client has hung up");
        assert_eq!(pool.load(priority), Load { permits: 1, running: 1, waiting: 0 }, "{priority:?}");
        let two = client(2);
        let mut next = pin!(pool.acquire(priority, &two));
        assert!(poll(&mut next).await.is_pending(), "the permit is still out");
        proceed.send(()).expect("the job waits");
        assert!(has_ended.recv().expect("ended"), "the job knows that nobody waits");
        drop(next.await.expect("a permit"));
        assert_eq!((pool.load(priority).running, pool.refused_and_abandoned()), (0, (0, 1)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_on_a_request_that_was_hung_up_never_begins_if_it_waits_and_is_told_if_it_runs() {
    for priority in Priority::ALL {
        let pool = ComputePool::with_permits(1, 1);
        let (begun, has_begun) = mpsc::channel();
        let (proceed, may_proceed) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        let running = tokio::spawn({
            let (pool, begun) = (pool.clone(), begun.clone());
            async move {
                let work = async move |cancellation: Cancellation| {
                    begun.send("running").expect("the test listens");
                    may_proceed.recv().expect("the test says so");
                    ended.send(cancellation.is_cancelled()).expect("the test listens");
                };
                pool.run_async(priority, &client(1), work).await
            }
        });
        assert_eq!(has_begun.recv(), Ok("running"));
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = async move |_| begun.send("waiting").expect("the test listens");
                pool.run_async(priority, &client(2), work).await
            }
        });
        pool.until(priority, |load| load.waiting == 1).await;
        for request in [waiting, running] {
            request.abort();
            assert!(request.await.is_err_and(|error| error.is_cancelled()), "the client has hung up");
        }
        assert_eq!(pool.load(priority), Load { permits: 1, running: 1, waiting: 0 }, "{priority:?}");
        proceed.send(()).expect("the job waits");
        assert_eq!(has_ended.recv(), Ok(true), "the job knows that nobody waits");
        drop(pool.acquire(priority, &client(3)).await.expect("a permit"));
        assert!(has_begun.recv().is_err(), "what waited is gone, and did not begin");
    }
}

#[tokio::test]
async fn clients_take_turns_and_who_hangs_up_leaves_the_queue() {
    let pool = ComputePool::with_permits(1, 1);
    let (one, two) = (client(1), client(2));
    let held = pool.acquire(LANE, &one).await.expect("a permit");
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(pool.acquire(LANE, &one))).collect();
    for place in &mut waiting {
        assert!(poll(&mut place.as_mut()).await.is_pending());
    }
    let mut other = pin!(pool.acquire(LANE, &two));
    assert!(poll(&mut other).await.is_pending());
    assert_eq!(pool.load(LANE), Load { permits: 1, running: 1, waiting: 4 });
    let [first, second, third] = <[_; 3]>::try_from(waiting).unwrap_or_else(|_| panic!("three"));
    drop(second);
    assert_eq!(pool.load(LANE).waiting, 3);

    drop(held);
    let held = first.await.expect("a permit");
    drop(held);
    let mut third = third;
    assert!(poll(&mut third.as_mut()).await.is_pending(), "it is the other client's turn");
    drop(other.await.expect("a permit"));
    drop(third.await.expect("a permit"));
    assert_eq!(pool.load(LANE), Load { permits: 1, running: 0, waiting: 0 });
}

#[tokio::test]
async fn a_permit_that_nobody_takes_goes_on_to_the_next() {
    let pool = ComputePool::with_permits(1, 1);
    let one = client(1);
    let held = pool.acquire(LANE, &one).await.expect("a permit");
    let mut gone = Box::pin(pool.acquire(LANE, &one));
    assert!(poll(&mut gone.as_mut()).await.is_pending());
    let mut next = pin!(pool.acquire(LANE, &one));
    assert!(poll(&mut next).await.is_pending());
    // It was granted, and its client hung up before it heard of it.
    drop(held);
    drop(gone);
    assert!(poll(&mut next).await.is_ready());
    assert_eq!(pool.load(LANE).waiting, 0);
}

#[tokio::test]
async fn a_client_that_queues_too_much_is_refused_and_others_are_not() {
    let pool = ComputePool::with_permits(1, 1);
    let one = client(1);
    let _held = pool.acquire(LANE, &one).await.expect("a permit");
    let mut waiting: Vec<_> = (0..WAITING.client).map(|_| Box::pin(pool.acquire(LANE, &one))).collect();
    for place in &mut waiting {
        assert!(poll(&mut place.as_mut()).await.is_pending());
    }
    let refused = pool.acquire(LANE, &one).await;
    assert!(matches!(refused, Err(Error::Overloaded)), "{refused:?}");
    let two = client(2);
    let mut other = pin!(pool.acquire(LANE, &two));
    assert!(poll(&mut other).await.is_pending(), "another client may wait");
    assert_eq!(pool.load(LANE).waiting, WAITING.client + 1);
    let normal = pool.acquire(Priority::Normal, &one).await;
    assert!(normal.is_ok(), "jobs of one priority do not wait for those of another");
    assert_eq!(pool.refused_and_abandoned(), (1, 0));
}

#[tokio::test]
async fn a_full_queue_makes_room_for_who_waits_for_little() {
    let pool = ComputePool::with_permits(1, 1);
    let clients: Vec<Client> = (0..).map(client).take(WAITING.total / WAITING.client + 2).collect();
    let _held = pool.acquire(LANE, &clients[0]).await.expect("a permit");
    let crowd = &clients[..WAITING.total / WAITING.client];
    let mut waiting: Vec<_> = crowd
        .iter()
        .flat_map(|client| (0..WAITING.client).map(|_| Box::pin(pool.acquire(LANE, client))).collect::<Vec<_>>())
        .collect();
    for place in &mut waiting {
        assert!(poll(&mut place.as_mut()).await.is_pending());
    }
    assert_eq!(pool.load(LANE).waiting, WAITING.total);
    let mut other = pin!(pool.acquire(LANE, &clients[crowd.len()]));
    assert!(poll(&mut other).await.is_pending());
    assert_eq!(pool.load(LANE).waiting, WAITING.total);
    let mut refused = 0;
    for place in &mut waiting {
        refused += usize::from(matches!(poll(&mut place.as_mut()).await, Poll::Ready(Err(Error::Overloaded))));
    }
    assert_eq!(refused, 1, "one of those who wait for much");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_panics_gives_its_permit_back() {
    let pool = ComputePool::with_permits(1, 1);
    for priority in Priority::ALL {
        let failed = pool.run(priority, &Client::PROCESS, |_| assert!(std::hint::black_box(false), "on purpose")).await;
        assert!(matches!(failed, Err(Error::Internal(_))), "{failed:?}");
        assert_eq!(pool.run(priority, &Client::PROCESS, |_| 1).await.expect("an outcome"), 1);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn idle_jobs_run_when_no_other_thread_wants_the_core() {
    use thread_priority::{NormalThreadSchedulePolicy as Normal, ThreadSchedulePolicy, thread_schedule_policy};

    let pool = ComputePool::default();
    for (priority, expected) in [(Priority::Idle, Normal::Idle), (Priority::Normal, Normal::Other)] {
        let expected = Ok(ThreadSchedulePolicy::Normal(expected));
        let in_place = pool.run_in_place(priority, &Client::PROCESS, async { thread_schedule_policy() }).await;
        assert_eq!(in_place.expect("an outcome"), expected);
        let elsewhere = pool.run(priority, &Client::PROCESS, |_| thread_schedule_policy()).await;
        assert_eq!(elsewhere.expect("an outcome"), expected);
    }
}

/// Tells when it is dropped.
struct Told(Option<oneshot::Sender<()>>);
impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.take().expect("once").send(());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waits_for_the_database_has_threads_of_its_own_and_ends_with_its_client() {
    let pool = ComputePool::with_permits(1, 1);
    let name = async { std::thread::current().name().map(str::to_owned) };
    assert_eq!(pool.run_with_database(name).await.expect("done").as_deref(), Some("database"));
    assert_eq!(Priority::ALL.map(|priority| pool.load(priority).running), [0, 0], "and needs no permit");

    let (begun, has_begun) = oneshot::channel();
    let (ended, has_ended) = oneshot::channel();
    let told = Told(Some(ended));
    let client = tokio::spawn({
        let pool = pool.clone();
        async move {
            let waits = async move {
                let _told = told;
                begun.send(()).expect("the test listens");
                std::future::pending::<()>().await;
            };
            pool.run_with_database(waits).await
        }
    });
    has_begun.await.expect("begun");
    client.abort();
    has_ended.await.expect("what waits is dropped");
    let panics = pool.run_with_database(async { panic!("as it would in a resolver") });
    assert!(matches!(panics.await, Err::<(), _>(Error::Internal(_))));
}

#[tokio::test]
async fn a_runtime_of_one_thread_does_such_work_in_place() {
    let pool = ComputePool::with_permits(1, 1);
    let here = std::thread::current().id();
    assert_eq!(pool.run_with_database(async { std::thread::current().id() }).await.expect("done"), here);
}
