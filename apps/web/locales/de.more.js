/** German messages of the parts that are loaded later. */

import add from './de/add.js';
import details from './de/details.js';
import settings from './de/settings.js';

export default { ...add, ...details, ...settings };
