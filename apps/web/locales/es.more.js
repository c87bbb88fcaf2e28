/** Spanish messages of the parts that are loaded later. */

import add from './es/add.js';
import details from './es/details.js';
import settings from './es/settings.js';

export default { ...add, ...details, ...settings };
