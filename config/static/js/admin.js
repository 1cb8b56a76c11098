/* Give the searchable choices of the admin's forms the names of their labels. */
"use strict";
django.jQuery(() => {
  for (const select of document.querySelectorAll("select.admin-autocomplete")) {
    const label = select.labels[0];
    const shown = document.getElementById(`select2-${select.id}-container`);
    if (!label || !shown) continue;
    label.id ||= `${select.id}-label`;
    shown.setAttribute("aria-labelledby", label.id);
    shown.closest('[role="combobox"]').setAttribute("aria-labelledby", `${label.id} ${shown.id}`);
  }
});
