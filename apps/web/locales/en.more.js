/** English messages of the parts that are loaded later. */

import add from './en/add.js';
import details from './en/details.js';
import settings from './en/settings.js';

export default { ...add, ...details, ...settings };
