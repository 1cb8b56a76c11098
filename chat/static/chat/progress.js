/* Show that a form with a large file is being sent and processed, and for how long. */
(() => {
  "use strict";
  for (const form of document.querySelectorAll("form[data-progress]")) {
    const status = document.createElement("p");
    status.setAttribute("role", "status");
    form.append(status);
    let timer;
    form.addEventListener("submit", () => {
      const begin = Date.now();
      const show = () => {
        const seconds = Math.round((Date.now() - begin) / 1000);
        status.textContent = seconds ? `${form.dataset.progress} ${seconds} s` : form.dataset.progress;
      };
      show();
      timer = setInterval(show, 1000);
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    });
    /* The browser may restore the page as it was when the form was sent. */
    addEventListener("pageshow", () => {
      clearInterval(timer);
      status.textContent = "";
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    });
  }
})();
