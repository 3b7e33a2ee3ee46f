/* The work before a public form is sent (core.web.sending): its result goes with the last button. Whoever presses it
   earlier waits for the result; after ten seconds the form goes without, and the page comes back with a question. */
"use strict";

(() => {
  const work = document.querySelector("altcha-widget");
  const proof = document.querySelector("input[name=altcha]");
  const form = proof?.form;
  if (!work || !form) return;
  let pressed = null;
  let late = false;

  work.addEventListener("verified", (event) => {
    proof.value = event.detail.payload;
    if (pressed && !late) form.requestSubmit(pressed);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter?.name !== "valider" || proof.value || late) return;
    event.preventDefault();
    if (pressed) return;
    pressed = event.submitter;
    setTimeout(() => {
      late = true;
      if (!proof.value) form.requestSubmit(pressed);
    }, 10_000);
  });
})();
