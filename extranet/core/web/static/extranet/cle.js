// Passkeys: shows what needs a key only where the browser knows keys, and says in words what went wrong.
(function () {
  'use strict'
  const known = window.isSecureContext && !!window.PublicKeyCredential
  document.querySelectorAll('[data-cle]').forEach(function (part) { part.hidden = !known })
  document.querySelectorAll('[data-sans-cle]').forEach(function (part) { part.hidden = known })
  document.addEventListener('allauth.error', function (event) {
    event.preventDefault()
    const place = document.querySelector('[data-cle-erreur]')
    if (!place) return
    const quit = event.detail.exception && event.detail.exception.name === 'NotAllowedError'
    place.textContent = quit ? place.dataset.abandon : place.dataset.cleErreur
    place.hidden = false
  })
})()
