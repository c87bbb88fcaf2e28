//! The icon of the app.

/// Returns the icon of the app as a square of RGBA pixels, with its side: an arrow down in a rounded square.
pub fn app_icon(side: u32) -> (u32, Vec<u8>) {
    let scale = 32.0 / side as f32;
    // Four samples in each direction make smooth edges.
    let samples = [0.125_f32, 0.375, 0.625, 0.875];
    let mut pixels = Vec::with_capacity(side as usize * side as usize * 4);
    for y in 0..side {
        for x in 0..side {
            let (mut ground, mut mark) = (0_u32, 0_u32);
            for dy in samples {
                for dx in samples {
                    let (px, py) = ((x as f32 + dx) * scale, (y as f32 + dy) * scale);
                    if is_ground(px, py) {
                        ground += 1;
                        mark += u32::from(is_mark(px, py));
                    }
                }
            }
            let mix =
                |from: u32, to: u32| (from * (ground - mark) + to * mark).checked_div(ground).unwrap_or(0);
            let pixel = [mix(0x0b, 0xff), mix(0x64, 0xfe), mix(0x77, 0xfb), ground * 255 / 16];
            pixels.extend(pixel.map(|value| u8::try_from(value).unwrap_or(u8::MAX)));
        }
    }
    (side, pixels)
}

fn is_ground(x: f32, y: f32) -> bool {
    let (dx, dy) = ((x - 16.0).abs() - 8.0, (y - 16.0).abs() - 8.0);
    dx.max(0.0).hypot(dy.max(0.0)) <= 7.0 && dx <= 7.0 && dy <= 7.0
}

fn is_mark(x: f32, y: f32) -> bool {
    let stem = (14.2..=17.8).contains(&x) && (6.5..=17.0).contains(&y);
    let head = (15.0..=23.0).contains(&y) && (x - 16.0).abs() <= 23.0 - y && (x - 16.0).abs() <= 8.0;
    let foot = (9.0..=23.0).contains(&x) && (24.2..=26.6).contains(&y);
    stem || head || foot
}
