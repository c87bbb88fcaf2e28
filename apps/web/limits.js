/** Choice between the normal limits, the alternative ones and the schedule. */

/** @import { App } from './app.js' */

/** Turns the alternative limits on or off. Where the schedule was in force, the note offers the way back to it.
 *  @param {App} app */
export async function switchAlternative(app) {
  const isOn = app.statistics.peek()?.alternative_limits ?? false;
  try {
    const { limits: before } = await app.api.alternativeLimits();
    await app.api.setAlternativeLimits(isOn ? 'off' : 'on');
    const back = async () => {
      try { await app.api.setAlternativeLimits('schedule'); } catch (error) { app.fail(error); }
    };
    app.toasts.show({
      topic: 'limits', text: app.t(isOn ? 'status.alternative_off' : 'status.alternative_on'),
      action: before === 'schedule' ? { label: app.t('status.to_schedule'), run: back } : undefined,
    });
  } catch (error) { app.fail(error); }
}
