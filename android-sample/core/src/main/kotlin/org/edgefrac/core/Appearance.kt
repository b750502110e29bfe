package org.edgefrac.core

import kotlin.math.abs
import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.sqrt

/** `edgefrac.appearance/1`: how a network input looks, in 17 numbers, enough to tell a photograph from a radiograph. */
object Appearance {
    const val ID = "edgefrac.appearance/1"
    const val NUMBERS = 17

    private val QUANTILES = doubleArrayOf(0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
    private const val DARK = 16
    private const val LEAST = 0.1 // grey levels; keeps the logarithm of a flat image finite
    private const val GREYS = 256

    /** Of [input], [size] × [size], within the box of all pixels above 0; all nought without a 3 × 3 part above 0. */
    fun of(input: ByteArray, size: Int): DoubleArray {
        val shown = shown(input, size)
        if (shown == null || minOf(shown.width, shown.height) < 3) return DoubleArray(NUMBERS)
        val greys = IntArray(GREYS)
        for (pixel in shown.pixels) greys[pixel.toInt() and 0xff]++
        val border = border(shown)
        val count = shown.pixels.size.toDouble()
        return quantiles(greys, QUANTILES) { it.toDouble() }.map { it / 255 }.toDoubleArray() +
            textures(shown).map { ln(it + LEAST) } +
            doubleArrayOf(
                entropy(greys, count),
                border.average() / 255,
                border.count { it < DARK }.toDouble() / border.size,
                greys.take(DARK).sum() / count,
                (middle(shown) - border.average()) / 255,
            )
    }

    private fun shown(input: ByteArray, size: Int): Raster? {
        val rows = (0 until size).filter { y -> (0 until size).any { input[y * size + it].toInt() != 0 } }
        if (rows.isEmpty()) return null
        val columns = (0 until size).filter { x -> rows.any { input[it * size + x].toInt() != 0 } }
        val (top, bottom) = rows.first() to rows.last()
        val (left, right) = columns.first() to columns.last()
        val width = right - left + 1
        val pixels = ByteArray(width * (bottom - top + 1))
        for (y in top..bottom) input.copyInto(pixels, (y - top) * width, y * size + left, y * size + right + 1)
        return Raster(width, bottom - top + 1, pixels)
    }

    /** Mean, upper and middle steepness, then mean and upper roughness, in grey levels. */
    private fun textures(image: Raster): DoubleArray {
        val steep = histogram(squaredSteepness(image))
        val rough = histogram(roughness(image))
        val half = { square: Int -> sqrt(square.toDouble()) / 2 }
        val (middle, high) = quantiles(steep, doubleArrayOf(0.5, 0.9), half).toList()
        val roughHigh = quantiles(rough, doubleArrayOf(0.9)) { it.toDouble() }[0]
        return doubleArrayOf(mean(steep, half), high, middle, mean(rough) { it.toDouble() }, roughHigh)
    }

    /** Four times the square of the gradient by central differences, one-sided at the edges. */
    private fun squaredSteepness(image: Raster): IntArray = IntArray(image.pixels.size) { index ->
        val x = index % image.width
        val y = index / image.width
        val along = twiceSlope(x, image.width) { image.grey(it, y) }
        val down = twiceSlope(y, image.height) { image.grey(x, it) }
        along * along + down * down
    }

    private inline fun twiceSlope(at: Int, length: Int, grey: (Int) -> Int): Int = when (at) {
        0 -> 2 * (grey(1) - grey(0))
        length - 1 -> 2 * (grey(at) - grey(at - 1))
        else -> grey(at + 1) - grey(at - 1)
    }

    /** How far each inner pixel is from its four neighbours. */
    private fun roughness(image: Raster): IntArray {
        val width = image.width - 2
        return IntArray(width * (image.height - 2)) { index ->
            val x = index % width + 1
            val y = index / width + 1
            val around = image.grey(x, y - 1) + image.grey(x, y + 1) + image.grey(x - 1, y) + image.grey(x + 1, y)
            abs(4 * image.grey(x, y) - around)
        }
    }

    private fun histogram(values: IntArray): IntArray {
        val counts = IntArray(values.max() + 1)
        for (value in values) counts[value]++
        return counts
    }

    private fun mean(counts: IntArray, value: (Int) -> Double): Double {
        var sum = 0.0
        var count = 0L
        for (number in counts.indices) {
            if (counts[number] == 0) continue
            sum += value(number) * counts[number]
            count += counts[number]
        }
        return sum / count
    }

    /** Quantiles, linear between neighbours, of whole numbers from how often each occurs, as [value] makes of them. */
    private fun quantiles(counts: IntArray, wanted: DoubleArray, value: (Int) -> Double): DoubleArray {
        val below = counts.copyOf()
        for (number in 1 until below.size) below[number] += below[number - 1]
        fun at(rank: Int): Double {
            val found = below.binarySearch(rank)
            var number = if (found >= 0) found else -found - 1
            while (below[number] <= rank) number++
            while (number > 0 && below[number - 1] > rank) number--
            return value(number)
        }
        val last = below.last() - 1
        return DoubleArray(wanted.size) { index ->
            val position = wanted[index] * last
            val low = floor(position).toInt()
            at(low) + (at(minOf(low + 1, last)) - at(low)) * (position - low)
        }
    }

    private fun border(image: Raster): IntArray {
        val found = ArrayList<Int>()
        for (x in 0 until image.width) found += listOf(image.grey(x, 0), image.grey(x, image.height - 1))
        for (y in 0 until image.height) found += listOf(image.grey(0, y), image.grey(image.width - 1, y))
        return found.toIntArray()
    }

    /** Mean grey of the middle half of each side. */
    private fun middle(image: Raster): Double {
        var sum = 0L
        var count = 0
        for (y in image.height / 4 until 3 * image.height / 4) {
            for (x in image.width / 4 until 3 * image.width / 4) {
                sum += image.grey(x, y)
                count++
            }
        }
        return if (count > 0) sum.toDouble() / count else image.pixels.map { it.toInt() and 0xff }.average()
    }

    /** Of the shares of the grey levels, as a part of the 8 bits that an image can have. */
    private fun entropy(greys: IntArray, count: Double): Double = greys.filter { it > 0 }.sumOf { number ->
        val share = number / count
        -share * ln(share) / ln(2.0)
    } / 8
}
