use arbitrary::{Result, Unstructured};
use ztor_engine::fuzzing::Bucket;
use ztor_time::{Duration, Instant};

const BLOCK: u32 = 16 * 1024;

/// A token bucket: over any window no more passes than its limit and one burst, and what it promises it keeps.
pub fn token_bucket(data: &[u8]) {
    let _ = run(&mut Unstructured::new(data));
}

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mut now = Instant::from_micros(u.arbitrary::<u32>()?.into());
    let mut limit = any_limit(u)?;
    let mut bucket = Bucket::new(limit, now);
    // Since the last change of the limit.
    let (mut since, mut taken, mut refunded) = (now, 0_u128, 0_u128);
    while !u.is_empty() {
        match u.int_in_range(0..=6)? {
            0..=2 => {
                let bytes = u.int_in_range(1..=BLOCK)?;
                if bucket.has(now, bytes) {
                    assert!(limit != Some(0) || taken + u128::from(bytes) <= burst(0) + refunded);
                    bucket.take(bytes);
                    taken += u128::from(bytes);
                } else {
                    check_promise(&mut bucket, now, bytes, limit);
                }
            }
            3 => now += Duration::from_micros(u.arbitrary::<u32>()?.into()),
            4 => now = bucket.ready_at(BLOCK).min(now + Duration::from_secs(3600)).max(now),
            5 => {
                let bytes = u.int_in_range(0..=BLOCK)?;
                bucket.refund(bytes);
                refunded += u128::from(bytes);
            }
            _ => {
                limit = any_limit(u)?;
                bucket.set_limit(now, limit);
                (since, taken, refunded) = (now, 0, 0);
            }
        }
        if let Some(limit) = limit {
            let refilled = u128::from(limit) * now.since(since).as_micros() / 1_000_000;
            assert!(
                taken <= burst(limit) + refilled + refunded,
                "{taken} of {limit} B/s in {:?}",
                now.since(since)
            );
        }
    }
    Ok(())
}

/// What is refused is there when it was said to be, and not a moment before.
fn check_promise(bucket: &mut Bucket, now: Instant, bytes: u32, limit: Option<u64>) {
    let at = bucket.ready_at(bytes);
    assert!(at > now, "refused although ready");
    match limit {
        None => panic!("refused without a limit"),
        Some(0) => assert_eq!(at, Instant::FAR_FUTURE),
        Some(limit) => {
            // On copies of time: a bucket that is asked ahead of its time would stay there.
            let lack = u128::from(bytes) * 1_000_000;
            assert!(
                at.since(now).as_micros() <= lack.div_ceil(u128::from(limit)),
                "a longer wait than for all of it"
            );
        }
    }
}

fn burst(limit: u64) -> u128 {
    u128::from(limit / 4).max(BLOCK.into())
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
