/* A page that waits for a file: what it says is read again every two seconds; once the file is there, the whole page.
   Without this file the page is read again every five seconds. */
"use strict";

(() => {
  const state = document.querySelector("#etat[data-attend]");
  if (!state) return;
  const look = async () => {
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const said = page.querySelector("#etat[data-attend]");
      if (!said) {
        location.reload();
        return;
      }
      if (said.textContent !== state.textContent) state.replaceChildren(...said.childNodes);
    } catch { /* the next look may succeed */ }
    setTimeout(look, 2000);
  };
  setTimeout(look, 1000);
})();
