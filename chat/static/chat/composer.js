/* The composer: drafts are kept, and nothing is sent twice. */
(() => {
  "use strict";
  const { entries, send, retire, add, catchUp, streaming } = window.conversation;
  const form = document.getElementById("composer");
  const field = document.getElementById("text");
  const problem = document.getElementById("composer-error");
  const sender = form.querySelector("[data-send]");
  const stopper = form.querySelector("[data-stop-reply]");

  const draft = window.conversation.draft("localStorage", form.dataset.draft);
  const most = Number(field.dataset.most);

  /* RFC 9562, version 7: milliseconds first, so that keys sort by time. */
  const newKey = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    let now = Date.now();
    for (let place = 5; place >= 0; place -= 1, now = Math.floor(now / 256)) bytes[place] = now % 256;
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
  };

  const grow = (area) => {
    if (CSS.supports("field-sizing", "content")) return;
    area.classList.add("measuring");
    area.rows = 1;
    const line = parseFloat(getComputedStyle(area).lineHeight);
    area.rows = Math.min(12, Math.max(1, Math.round(area.scrollHeight / line)));
    area.classList.remove("measuring");
  };
  document.addEventListener("input", (event) => {
    if (event.target.matches("[data-grow]")) grow(event.target);
  });

  const complain = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };
  const showState = () => {
    const busy = Boolean(streaming());
    sender.hidden = busy;
    stopper.hidden = !busy;
    stopper.disabled = false;
  };

  if (!field.value) field.value = draft.read();
  grow(field);
  field.addEventListener("input", () => {
    draft.write(field.value);
    complain("");
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "ArrowUp" && !field.value) {
      const edit = [...entries.querySelectorAll("[data-edit]")].pop();
      if (!edit) return;
      event.preventDefault();
      edit.open = true;
    }
  });

  let isSending = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = field.value;
    if (!text.trim() || isSending) return;
    if (streaming()) {
      complain("A reply is being written. Stop it, or wait until it is done; what you wrote stays here.");
      return;
    }
    if (text.length > most && [...text].length > most) {
      complain(interpolate(gettext("A message has %s characters at most. Split it into several."), [most.toLocaleString(document.documentElement.lang)]));
      return;
    }
    isSending = sender.disabled = true;
    const answer = await send(form);
    isSending = sender.disabled = false;
    if (!answer.ok) {
      complain(answer.text);
      field.focus();
      if (answer.status === 409) catchUp(); // show the messages from other tabs
      return;
    }
    complain("");
    if (field.value === text) field.value = "";
    draft.write(field.value);
    grow(field);
    form.elements.key.value = newKey();
    if (entries.querySelector("[data-newer]")) {
      location.assign(location.pathname); // the end of the conversation is not on this page
      return;
    }
    retire();
    add(answer.text);
    window.conversation.toEnd();
    field.focus();
  });

  stopper.addEventListener("click", () => {
    stopper.disabled = true;
    streaming()?.querySelector("[data-stop]").requestSubmit();
  });
  entries.addEventListener("reply:begun", showState);
  entries.addEventListener("reply:ended", showState);
  showState();
  form.elements.key.value = newKey();
  if (matchMedia("(hover: hover)").matches && !location.hash.startsWith("#m-")) field.focus();
})();
