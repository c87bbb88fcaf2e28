/** Arabic messages of the parts that are loaded later. */

import add from './ar/add.js';
import details from './ar/details.js';
import settings from './ar/settings.js';

export default { ...add, ...details, ...settings };
