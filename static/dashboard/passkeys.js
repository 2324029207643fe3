// A press makes or uses a passkey; what the browser answers goes into the form, and the form is sent.
(function () {
  'use strict'

  const NOTHING = 'No passkey was used. Try again, or sign in another way.'

  async function options (form) {
    if (form.dataset.passkey !== 'fetch') return JSON.parse(form.dataset.options)
    const answer = await fetch(form.action, { headers: { Accept: 'application/json' } })
    if (!answer.ok) throw new Error(String(answer.status))
    return (await answer.json()).request_options
  }

  async function credential (form) {
    const { publicKey } = await options(form)
    if (form.dataset.passkey !== 'create') {
      return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) })
    }
    // It must be able to sign in without a name, and ask for a finger or a number.
    publicKey.authenticatorSelection = {
      ...publicKey.authenticatorSelection, residentKey: 'required', requireResidentKey: true, userVerification: 'required'
    }
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
  }

  async function press (event) {
    event.preventDefault()
    const form = event.currentTarget
    try {
      form.elements.credential.value = JSON.stringify((await credential(form)).toJSON())
      form.submit()
    } catch (error) {
      form.querySelector('[role=status]').textContent = NOTHING
    }
  }

  if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) return
  for (const form of document.querySelectorAll('form[data-passkey]')) {
    form.addEventListener('submit', press)
    form.hidden = false
  }
})()
