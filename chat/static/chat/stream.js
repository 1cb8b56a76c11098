/* A reply as it comes: words are added to the page until the server says how it ended. */
(() => {
  "use strict";
  const { entries, nodes, say } = window.conversation;

  /* The first exchange names the thread. */
  const rename = (title) => {
    const heading = document.querySelector(".thread-head h1");
    if (!title || heading.textContent === title) return;
    heading.textContent = title;
    document.title = `${title} · Twinthread`;
    const link = document.querySelector('.sidebar .thread-link[aria-current="page"] .title');
    if (link) link.textContent = title;
  };

  const listen = (reply) => {
    const tail = reply.querySelector("[data-tail]");
    const waiting = reply.querySelector("[data-waiting]");
    const replaced = reply.dataset.replaces && document.getElementById(reply.dataset.replaces);
    if (replaced) replaced.hidden = true;
    const name = reply.querySelector(".name").textContent.trim();
    say(`${name} is writing.`);
    entries.dispatchEvent(new Event("reply:begun"));

    const source = new EventSource(reply.dataset.stream);
    source.addEventListener("message", (event) => {
      waiting.hidden = true;
      reply.classList.remove("broken");
      const more = JSON.parse(event.data);
      if (typeof more === "string") {
        tail.append(more);
        return;
      }
      const blocks = nodes(more.html);
      tail.before(...blocks);
      tail.textContent = more.tail;
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: [reply] }));
    });
    source.addEventListener("end", (event) => {
      source.close();
      const { status, html, title } = JSON.parse(event.data);
      rename(title);
      const ended = nodes(html);
      const hadFocus = reply.contains(document.activeElement);
      if (replaced) {
        if (ended.some((node) => node.id === replaced.id)) replaced.remove();
        else replaced.hidden = false;
      }
      reply.replaceWith(...ended);
      if (hadFocus) document.getElementById("text").focus();
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: ended }));
      entries.dispatchEvent(new CustomEvent("reply:ended", { detail: status }));
      const words = ended[0]?.querySelector(".said, .ending")?.textContent.trim() || "";
      say(status === "complete" ? `${name}: ${words.slice(0, 600)}` : `${name}: the reply was ${status}.`);
    });
    source.addEventListener("error", () => {
      /* The browser tries again by itself, and the server goes on where the words end. */
      if (source.readyState !== EventSource.CLOSED) reply.classList.add("broken");
      else setTimeout(() => reply.isConnected && location.reload(), 3000);
    });
    addEventListener("pagehide", () => source.close(), { once: true });
  };

  const begin = (added) => {
    for (const node of added) {
      if (!node.dataset?.stream || node.dataset.listening) continue;
      node.dataset.listening = "yes";
      listen(node);
    }
  };
  entries.addEventListener("entries:added", (event) => begin(event.detail));
  begin([...entries.children]);
})();
