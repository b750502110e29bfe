package org.edgefrac.core

/** Why the app will not go on; [message] is written for its user. */
class Refusal(message: String, cause: Throwable? = null) : Exception(message, cause)
