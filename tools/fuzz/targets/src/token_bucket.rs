use arbitrary::{Result, Unstructured};
use ztor_base::{Duration, Instant};
use ztor_engine::testkit::Bucket;

const BLOCK: u32 = 16 * 1024;

/// Checks a token bucket: over any window no more passes than its limit and one burst, and it keeps its promises.
pub fn token_bucket(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mut now = Instant::from_micros(u.arbitrary::<u32>()?.into());
    let mut limit = any_limit(u)?;
    let mut bucket = Bucket::new(limit, now);
    // Since the last change of the limit.
    let (mut since, mut taken, mut refunded) = (now, 0_u128, 0_u128);
    // Bytes taken without a check since the start.
    let mut debts = 0_u128;
    while !u.is_empty() {
        match u.int_in_range(0..=7)? {
            0..=2 => {
                let bytes = u.int_in_range(1..=BLOCK)?;
                if bucket.has(now, bytes) {
                    bucket.take(bytes);
                    taken += u128::from(bytes);
                    if let Some(limit) = limit {
                        let refilled = u128::from(limit) * now.since(since).as_micros() / 1_000_000;
                        let passed = now.since(since);
                        assert!(
                            taken <= burst(limit) + refilled + refunded,
                            "{taken} of {limit} B/s in {passed:?}"
                        );
                    }
                } else {
                    check_promise(now, debts + u128::from(bytes), bucket.ready_at(bytes), limit);
                }
            }
            3 => now += Duration::from_micros(u.arbitrary::<u32>()?.into()),
            4 => now = bucket.ready_at(BLOCK).min(now + Duration::from_secs(3600)).max(now),
            5 => {
                let bytes = u.int_in_range(0..=BLOCK)?;
                bucket.refund(bytes);
                refunded += u128::from(bytes);
            }
            6 => {
                let bytes = u.int_in_range(0..=BLOCK)?;
                bucket.take(bytes);
                taken += u128::from(bytes);
                debts += u128::from(bytes);
            }
            _ => {
                limit = any_limit(u)?;
                bucket.set_limit(now, limit);
                (since, taken, refunded) = (now, 0, 0);
            }
        }
    }
    Ok(())
}

/// Checks the time that was promised for refused bytes: later than now, and not later than all of them take.
fn check_promise(now: Instant, lack: u128, at: Instant, limit: Option<u64>) {
    assert!(at > now, "refused although ready");
    match limit {
        None => panic!("refused without a limit"),
        Some(0) => assert_eq!(at, Instant::FAR_FUTURE),
        Some(limit) => {
            let whole = (lack * 1_000_000).div_ceil(u128::from(limit));
            assert!(
                at == Instant::FAR_FUTURE || at.since(now).as_micros() <= whole,
                "a longer wait than for all of it"
            );
        }
    }
}

fn burst(limit: u64) -> u128 {
    // A block and what belongs to it fit at any limit.
    u128::from(limit / 4).max(17 * 1024)
}

fn any_limit(u: &mut Unstructured<'_>) -> Result<Option<u64>> {
    Ok(match u.int_in_range(0..=4)? {
        0 => None,
        1 => Some(u.int_in_range(0..=100)?),
        2 => Some(u.arbitrary::<u32>()?.into()),
        3 => Some(u.arbitrary()?),
        _ => Some(u64::from(BLOCK) * u.int_in_range(1..=1000)?),
    })
}
