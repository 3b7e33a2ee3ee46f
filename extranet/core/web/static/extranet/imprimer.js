/* A button that prints the page; without this file it is not there, and the browser's own menu prints. */
"use strict";

for (const button of document.querySelectorAll("[data-imprimer]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
