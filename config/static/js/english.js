/* The functions of Django's JavaScriptCatalog, for the language that the scripts are written in. */
(() => {
  "use strict";
  window.gettext = (text) => text;
  window.ngettext = (one, many, count) => (count === 1 ? one : many);
  window.pgettext = (context, text) => text;
  window.interpolate = (text, values, isNamed) =>
    isNamed ? text.replace(/%\((\w+)\)s/g, (_, name) => values[name]) : text.replace(/%s/g, () => values.shift());
})();
