package org.edgefrac.core

/**
 * A value of a JSON document, and where it stands there, so that a refusal can name the place.
 *
 * Written here because the Java platform has no JSON reader, Android's own is not on a plain JVM, and `:core` has no
 * third-party dependency. Numbers are doubles, as in JavaScript.
 */
class Json private constructor(private val value: Any?, private val where: String) {
    operator fun get(name: String): Json = optional(name) ?: throw Refusal("$where has no \"$name\"")

    /** The member [name] of an object; null where it is not there, or is null. */
    fun optional(name: String): Json? =
        members()[name]?.let { Json(it, "$where.$name") }

    /** The members of an array. */
    fun items(): List<Json> = list().mapIndexed { index, item -> Json(item, "$where[$index]") }

    fun text(): String = value as? String ?: wrong("a text")

    fun number(): Double = value as? Double ?: wrong("a number")

    /** A number without fraction that an Int can hold. */
    fun whole(): Int {
        val number = number()
        return if (number == Math.rint(number) && Math.abs(number) <= Int.MAX_VALUE) number.toInt() else wrong("a whole number")
    }

    fun flag(): Boolean = value as? Boolean ?: wrong("true or false")

    /** Throws a [Refusal] unless the document says that it keeps to [schema]. */
    fun requireSchema(schema: String): Json {
        val found = get("schema").text()
        return if (found == schema) this else throw Refusal("$where is \"$found\"; this app reads \"$schema\"")
    }

    @Suppress("UNCHECKED_CAST")
    private fun members() = value as? Map<String, Any?> ?: wrong("an object")

    private fun list() = value as? List<*> ?: wrong("an array")

    private fun wrong(wanted: String): Nothing = throw Refusal("$where is not $wanted")

    companion object {
        /** Read a whole document; [where] is its name for messages. Throws a [Refusal] for anything but RFC 8259's JSON. */
        fun parse(text: String, where: String): Json = Json(JsonText(text, where).document(), where)

        /** [text] as a JSON string, with its quotation marks. */
        fun quoted(text: String): String = buildString {
            append('"')
            for (char in text) {
                when {
                    char == '"' || char == '\\' -> append('\\').append(char)
                    char < ' ' -> append("\\u%04x".format(char.code))
                    else -> append(char)
                }
            }
            append('"')
        }
    }
}

/** RFC 8259, read from left to right. */
private class JsonText(private val text: String, private val where: String) {
    private var at = 0
    private var depth = 0

    fun document(): Any? {
        val value = value()
        blank()
        return if (at == text.length) value else wrong("something after its end")
    }

    private fun value(): Any? {
        blank()
        return when (peek()) {
            '{' -> nested { members() }
            '[' -> nested { items() }
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun <T> nested(read: () -> T): T {
        if (++depth > DEEPEST) wrong("more than $DEEPEST levels")
        at++
        return read().also { depth-- }
    }

    private fun members(): Map<String, Any?> {
        val found = LinkedHashMap<String, Any?>()
        if (closes('}')) return found
        do {
            blank()
            if (peek() != '"') wrong("a name that is not a text")
            val name = string()
            blank()
            expect(':')
            if (name in found) wrong("\"$name\" twice")
            found[name] = value()
        } while (goesOn('}'))
        return found
    }

    private fun items(): List<Any?> {
        val found = ArrayList<Any?>()
        if (closes(']')) return found
        do found.add(value()) while (goesOn(']'))
        return found
    }

    private fun closes(end: Char): Boolean {
        blank()
        return (peek() == end).also { if (it) at++ }
    }

    private fun goesOn(end: Char): Boolean {
        blank()
        if (peek() == ',') return true.also { at++ }
        expect(end)
        return false
    }

    private fun string(): String = buildString {
        expect('"')
        while (true) {
            val char = next()
            when {
                char == '"' -> return@buildString
                char == '\\' -> append(escaped())
                char < ' ' -> wrong("a control character in a text")
                else -> append(char)
            }
        }
    }

    private fun escaped(): Char = when (val char = next()) {
        '"', '\\', '/' -> char
        'b' -> '\b'
        'f' -> '\u000c'
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'u' -> {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (!HEX.matches(digits)) wrong("a broken \\u")
            at += 4
            digits.toInt(16).toChar()
        }
        else -> wrong("an unknown escape")
    }

    private fun number(): Double {
        val start = at
        while (at < text.length && text[at] in "+-.eE0123456789") at++
        val written = text.substring(start, at)
        if (!NUMBER.matches(written)) wrong("neither a value nor a number")
        val number = written.toDouble()
        return if (number.isInfinite()) wrong("a number beyond all bounds") else number
    }

    private fun word(word: String, meaning: Any?): Any? {
        if (!text.startsWith(word, at)) wrong("an unknown word")
        at += word.length
        return meaning
    }

    private fun blank() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun peek(): Char = if (at < text.length) text[at] else wrong("its end too early")

    private fun next(): Char = peek().also { at++ }

    private fun expect(char: Char) {
        if (next() != char) {
            at--
            wrong("no '$char'")
        }
    }

    private fun wrong(what: String): Nothing = throw Refusal("$where is not JSON: $what at character $at")

    private companion object {
        const val DEEPEST = 64
        val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")
        val HEX = Regex("[0-9a-fA-F]{4}")
    }
}
