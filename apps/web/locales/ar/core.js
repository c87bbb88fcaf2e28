/** Arabic messages of the whole. */

/** @import { Translated } from '../../i18n.js' */
/** @import { Format } from '../../format.js' */

import { plural } from '../plural.js';

const n = plural('ar');

/** Number of torrents in the nominative and in the genitive, which differ in the dual.
 *  @param {number} count @param {Format} f */
const torrents = (count, f) => n(count, f, {
  zero: 'لا تورنت', one: 'تورنت واحد', two: 'ملفا تورنت', few: '# ملفات تورنت', many: '# ملف تورنت',
  other: '# ملف تورنت',
});
/** @param {number} count @param {Format} f */
const ofTorrents = (count, f) => n(count, f, {
  zero: 'أي تورنت', one: 'تورنت واحد', two: 'ملفَي تورنت', few: '# ملفات تورنت', many: '# ملف تورنت',
  other: '# ملف تورنت',
});
/** @param {number} count @param {Format} f */
const seconds = (count, f) => n(count, f, {
  zero: 'لحظات', one: 'ثانية واحدة', two: 'ثانيتين', few: '# ثوانٍ', many: '# ثانية', other: '# ثانية',
});

/** @type {Translated<typeof import('../en/core.js').default>} */
export default {
  'state.all': 'الكل',
  'state.active': 'نشط',
  'state.downloading': 'جارٍ التنزيل',
  'state.seeding': 'جارٍ البذر',
  'state.metadata': 'جارٍ جلب البيانات الوصفية',
  'state.checking': 'جارٍ الفحص',
  'state.queued': 'في قائمة الانتظار',
  'state.paused': 'متوقف',
  'state.done': 'تحقق الهدف',
  'state.scheduled': 'متوقف حسب الجدول',
  'state.loading': 'جارٍ الفتح',
  'state.error': 'خطأ',
  'state.unknown': 'غير معروف',
  'state.moving': 'جارٍ نقل الملفات',
  'state.forced': 'إجباري',

  'column.name': 'الاسم',
  'column.state': 'الحالة',
  'column.progress': 'التقدم',
  'column.size': 'الحجم',
  'column.left': 'المتبقي',
  'column.down': 'سرعة التنزيل',
  'column.up': 'سرعة الرفع',
  'column.downloaded': 'تم تنزيله',
  'column.uploaded': 'تم رفعه',
  'column.ratio': 'النسبة',
  'column.eta': 'الوقت المتبقي',
  'column.peers': 'النظراء',
  'column.seeds': 'الباذرون',
  'column.queue': 'الموضع في قائمة الانتظار',
  'column.category': 'الفئة',
  'column.tags': 'الوسوم',
  'column.added': 'تاريخ الإضافة',
  'column.finished': 'تاريخ الاكتمال',
  'column.tracker': 'المتتبع',
  'column.dir': 'المجلد',
  'column.id': 'المعرّف',
  'columns.choose': 'اختيار الأعمدة',
  'columns.reset': 'إعادة ضبط الأعمدة',
  'sort.ascending': ({ name }) => `ترتيب تصاعدي حسب ${name}`,
  'sort.descending': ({ name }) => `ترتيب تنازلي حسب ${name}`,
  'density.label': 'ارتفاع الصفوف',
  'density.compact': 'مضغوط',
  'density.normal': 'عادي',
  'density.roomy': 'واسع',

  'filter.label': 'عوامل التصفية',
  'filter.state': 'الحالة',
  'filter.category': 'الفئة',
  'filter.tag': 'الوسم',
  'filter.tracker': 'المتتبع',
  'filter.no_category': 'بلا فئة',
  'filter.no_tag': 'بلا وسوم',
  'filter.no_tracker': 'بلا متتبع',
  'filter.clear': 'إلغاء التصفية',
  'search.label': 'البحث في التورنت',
  'search.placeholder': 'البحث بالاسم',
  'search.clear': 'مسح البحث',

  'action.add': 'إضافة تورنت',
  'action.start': 'بدء',
  'action.force_start': 'بدء إجباري',
  'action.stop': 'إيقاف',
  'action.recheck': 'فحص الملفات',
  'action.reannounce': 'الإعلان الآن',
  'action.remove': 'إزالة…',
  'action.move': 'نقل الملفات…',
  'action.rename': 'إعادة التسمية…',
  'action.limits': 'تحديد السرعة…',
  'action.category': 'تعيين الفئة',
  'action.tags': 'تعديل الوسوم',
  'action.queue_top': 'إلى أول قائمة الانتظار',
  'action.queue_up': 'تقديم في قائمة الانتظار',
  'action.queue_down': 'تأخير في قائمة الانتظار',
  'action.queue_bottom': 'إلى آخر قائمة الانتظار',
  'action.sequential': 'التنزيل بالترتيب',
  'action.ends_first': 'تنزيل أطراف الملفات أولًا',
  'action.retry': 'إعادة المحاولة',
  'action.copy_magnet': 'نسخ رابط المغناطيس',
  'action.copy_hash': 'نسخ بصمة التورنت',
  'action.copied': 'تم النسخ',
  'action.export': 'حفظ ملف التورنت',
  'action.select_all': 'تحديد الكل',
  'action.clear_selection': 'إلغاء التحديد',
  'action.more': 'إجراءات أخرى',
  'action.done': ({ count }, f) => `تم التنفيذ على ${ofTorrents(count, f)}`,
  'action.under_way': ({ count }, f) => `التنفيذ جارٍ على ${ofTorrents(count, f)}`,
  'action.failed': ({ count, message }, f) => `تعذّر التنفيذ على ${ofTorrents(count, f)}: ${message}`,

  'list.label': 'ملفات التورنت',
  'list.total': ({ count }, f) => torrents(count, f),
  'list.selected': ({ count }, f) => n(count, f, {
    zero: 'لا شيء محدد', one: 'عنصر محدد', two: 'عنصران محددان', few: '# عناصر محددة', many: '# عنصرًا محددًا',
    other: '# عنصر محدد',
  }),
  'list.empty': 'لا يوجد أي تورنت بعد',
  'list.empty_hint': 'أفلت ملفات التورنت هنا، أو ألصق رابط مغناطيس، أو اختر «إضافة تورنت».',
  'list.no_match': 'لا يوجد تورنت يطابق عوامل التصفية',
  'list.loading': 'جارٍ تحميل القائمة',
  'list.rejected': ({ message }) => `تعذّر عرض القائمة: ${message}`,

  'connection.connecting': 'جارٍ الاتصال',
  'connection.live': 'متصل',
  'connection.offline': 'لا يوجد اتصال بالخادم',
  'connection.retry_in': (p, f) => `المحاولة التالية بعد ${seconds(p.seconds, f)}`,
  'connection.retry': 'الاتصال الآن',
  'connection.stale': 'قد لا تكون القائمة محدّثة.',

  'status.down': 'التنزيل',
  'status.up': 'الرفع',
  'status.free': ({ size }) => `المساحة الحرة: ${size}`,
  'status.peers': ({ count }, f) => n(count, f, {
    zero: 'لا اتصالات', one: 'اتصال واحد', two: 'اتصالان', few: '# اتصالات', many: '# اتصالًا', other: '# اتصال',
  }),
  'status.alternative': 'الحدود البديلة',
  'status.save_error': ({ message }) => `تعذّر حفظ التغييرات: ${message}`,

  'error.network': 'الخادم لا يستجيب. تحقق من الاتصال.',
  'error.protocol': 'تعذّرت قراءة رد الخادم.',
  'error.unauthorized': 'سجّل الدخول للمتابعة.',
  'error.unexpected': ({ message }) => `حدث خطأ ما: ${message}`,

  'dialog.cancel': 'إلغاء',
  'dialog.close': 'إغلاق',
  'dialog.save': 'حفظ',

  'add.title': 'إضافة تورنت',
  'add.links': 'روابط مغناطيس أو بصمات أو عناوين URL، واحد في كل سطر',
  'add.files': 'ملفات التورنت',
  'add.choose_files': 'اختيار الملفات',
  'add.drop': 'أفلت ملفات التورنت هنا',
  'add.dir': 'مجلد التنزيل',
  'add.category': 'الفئة',
  'add.tags': 'الوسوم',
  'add.start': 'البدء فورًا',
  'add.to_top': 'الوضع في أول قائمة الانتظار',
  'add.submit': ({ count }, f) => `إضافة ${ofTorrents(count, f)}`,
  'add.added': ({ count }, f) => `تمت إضافة ${ofTorrents(count, f)}`,
  'add.duplicate': ({ name }) => `${name} موجود في القائمة بالفعل`,
  'add.failed': ({ name, message }) => `تعذّرت إضافة ${name}: ${message}`,

  'remove.title': ({ count }, f) => `هل تريد إزالة ${ofTorrents(count, f)}؟`,
  'remove.keep': 'الاحتفاظ بالملفات',
  'remove.trash': 'نقل الملفات إلى سلة المهملات',
  'remove.delete': 'حذف الملفات نهائيًا',
  'remove.warning': 'لا يمكن استعادة الملفات المحذوفة.',
  'remove.submit': 'إزالة',

  'move.title': ({ count }, f) => `نقل محتويات ${ofTorrents(count, f)}`,
  'move.dir': 'المجلد الجديد',
  'move.submit': 'نقل',

  'rename.title': ({ name }) => `إعادة تسمية ${name}`,
  'rename.name': 'الاسم الجديد',
  'rename.hint': 'تحتفظ الملفات بأسمائها. اترك الحقل فارغًا لاستعادة الاسم الأصلي.',
  'rename.submit': 'إعادة التسمية',

  'limits.title': ({ count }, f) => `حدود ${ofTorrents(count, f)}`,
  'limits.down': 'حد التنزيل',
  'limits.up': 'حد الرفع',
  'limits.unlimited': 'بلا حد',
  'limits.hint': 'مثلًا \u20684 MiB/s\u2069 أو \u2068500k\u2069. اترك الحقل فارغًا لإلغاء الحد.',

  'input.number': 'أدخل رقمًا، مثل \u20684 MiB\u2069.',
  'input.unit': 'استخدم وحدة مثل KiB أو MiB أو GiB.',
  'input.range': 'هذا الرقم كبير جدًا.',
  'input.zero': 'الحد 0 يوقف كل عمليات النقل.',
  'input.absolute': 'أدخل مسارًا يبدأ بالرمز /.',

  'login.title': 'تسجيل الدخول إلى ztor',
  'login.username': 'اسم المستخدم',
  'login.password': 'كلمة المرور',
  'login.submit': 'تسجيل الدخول',
  'login.failed': 'اسم المستخدم أو كلمة المرور غير صحيحة.',
  'login.wait': (p, f) => `محاولات فاشلة كثيرة. حاول مجددًا بعد ${seconds(p.seconds, f)}.`,
  'login.out': 'تسجيل الخروج',

  'settings.title': 'الإعدادات',
  'settings.language': 'اللغة',
  'settings.language_auto': 'حسب المتصفح',
};
